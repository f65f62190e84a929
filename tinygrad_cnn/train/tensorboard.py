"""A training as event files that TensorBoard reads, written through tensorboardX."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.outside import deprecated
from .callbacks import Callback
from .training import Training


def writer_class() -> Any:
    """tensorboardX's writer.

    Raises
    ------
    ImportError : it is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ImportError(
            "event files for TensorBoard need tensorboardX: pip install 'tinygrad-cnn[tensorboard]'"
        ) from None
    return SummaryWriter


class TensorBoard(Callback):
    """Writes each epoch of `fit` as scalars, and the model's weights and gradients as histograms.

    ::

        with TensorBoard("runs/mine/tensorboard", model) as board:
            fit(model, data, callbacks=[board])

    The step that TensorBoard shows is the epoch.  Tags: ``loss/training``, ``loss/validation`` and the same for each
    metric, ``lr``, ``seconds``; ``weights/PATH`` and ``gradients/PATH`` for each parameter, without values that are
    not finite.  A folder that has files already gets one more.

    Raises
    ------
    ImportError : tensorboardX is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], model: Any = None) -> None:
        self.model = model
        there = len(os.listdir(folder)) if os.path.isdir(folder) else 0  # a file's name has whole seconds only
        # tensorboardX follows a link under the file's name, so the name has a part that nobody can guess.
        self._writer = writer_class()(os.fspath(folder), filename_suffix=f".{there}-{os.urandom(8).hex()}")

    def __call__(self, row: Mapping[str, float]) -> None:
        """Write a row, as `write` does; the former way to call it."""
        deprecated("TensorBoard: calling it with a row", "fit(callbacks=[board]), or board.write(row)")
        self.write(row)

    def on_epoch(self, training: Training) -> None:
        """Write the epoch that has ended."""
        self.write(training.row)

    def write(self, row: Mapping[str, float]) -> None:
        """Write a row of a history."""
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name not in ("epoch", "step"):
                self._writer.add_scalar(tag(name), float(value), epoch)
        for path, parameter in () if self.model is None else self.model.named_parameters():
            for kind, values in (("weights", parameter.data), ("gradients", parameter.grad)):
                finite = None if values is None else values[np.isfinite(values)]
                if finite is not None and finite.size:
                    self._writer.add_histogram(f"{kind}/{path}", finite, epoch, bins=64)
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def tag(column: str) -> str:
    """Where TensorBoard shows a column of the history: what belongs in one picture has one beginning."""
    if column in ("lr", "seconds"):
        return column
    if column.startswith("val_"):
        return f"{column.removeprefix('val_')}/validation"
    return f"{column}/training"
