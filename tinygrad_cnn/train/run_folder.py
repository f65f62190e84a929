"""The run folder: what one training writes, each file whole or not at all.

==================== ============================================================================================
``config.json``      what was asked for: data, model, epochs, seed, ... ; its presence makes a folder a run
``info.json``        on what it was computed: versions, kernels, threads, platform; one entry for each time it was begun
``state.safetensors`` the last checkpoint, one file, so that arrays and plain values never disagree
``model.safetensors`` the weights
``metrics.csv``      the history
``watch.json``       histograms of weights and gradients over the epochs (`tg.plots.Watch`)
``graph.svg``, ``curves.png``, ``confusion.png``   pictures; ``masks.png`` instead of the last for a segmentation
``report.html``      all of it on one page (`tg.report`)
==================== ============================================================================================

The folder itself may be a symbolic link.  A link inside it is never written through, because a run may come from
somebody else: a link in the place of a file is replaced by the file, a link in the place of a folder is refused.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.world import world
from ..io import atomic_write, load, read_metadata, save
from ..io.atomic import atomic_path
from .history import History
from .state import join, split

CONFIG, STATE, MODEL, METRICS = "config.json", "state.safetensors", "model.safetensors", "metrics.csv"
INFO, WATCH, REPORT = "info.json", "watch.json", "report.html"
FORMAT = "tinygrad_cnn run 1"


class RunError(ValueError):
    """A folder cannot be used as a run: missing, foreign, in use or damaged."""


@named
class Run:
    """A folder of one training.  Make one with `Run.create`, find one again with `Run.open`.

    Of several ranks (see `tg.distributed`) all make or open it, and the first one writes.

    >>> run = tg.Run.create("first", {"note": "nothing learned yet"})
    >>> run.save_weights(model.state_dict())
    >>> tg.Run.open("first").config
    {'note': 'nothing learned yet'}
    """

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path, self.config = path, config
        self._begun = False

    def __repr__(self) -> str:
        return f"<Run {self.path}>"

    @classmethod
    @named
    def create(cls, path: str | os.PathLike[str], config: dict[str, Any] | None = None) -> Run:
        """Start a run in a new or empty folder.  `config` is what the settings file says beside its format.

        Raises
        ------
        RunError : there is something at `path` already; it is left as it is.
        """
        path = Path(path)
        if world().rank:
            world().same(None)  # wait until the first rank has made it
            return cls(path, dict(config or {}))
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            if (path / CONFIG).is_file():
                raise RunError(f"{path} holds a run already. Go on with it (--resume {path}), or choose another.")
            raise RunError(f"{path} exists and is not an empty folder. Choose another one; nothing was changed there.")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path} cannot be made: {error.strerror}. Choose another folder.") from error
        run = cls(path, dict(config or {}))
        run.change()
        world().same(None)
        return run

    @classmethod
    def numbered(cls, parent: str | os.PathLike[str], name: str, config: dict[str, Any] | None = None) -> Run:
        """Start a run in the first free folder of ``parent/name-1``, ``parent/name-2``, ..."""
        parent, n = Path(parent), 1
        if world().rank:
            return cls.create(world().same(None), config)
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                (parent / f"{name}-{n}").mkdir()
            except FileExistsError:
                n += 1
                continue
            return cls.create(world().same(parent / f"{name}-{n}"), config)

    @classmethod
    @named
    def open(cls, path: str | os.PathLike[str]) -> Run:
        """Find a run again.

        Raises
        ------
        RunError : there is no folder at `path`, or no run in it.
        """
        path = Path(path)
        if not path.is_dir():
            raise RunError(f"there is no run folder {path}. Give the folder that `tinygrad-cnn train` printed.")
        file = path / CONFIG
        if not file.is_file():
            raise RunError(f"{path} is not a run folder: it has no {CONFIG}. Give one that `tinygrad-cnn train` wrote.")
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
            known = config.pop("format", None)
        except (ValueError, AttributeError, TypeError) as error:
            raise RunError(f"{file} is not the settings file of a run: {error}.") from error
        if known != FORMAT:
            raise RunError(
                f"{file} has the format {known!r}, this version reads {FORMAT!r}. "
                "Use the version of tinygrad_cnn that wrote it; info.json names it."
            )
        return cls(path, config)

    def change(self, **settings: Any) -> None:
        """Change what the settings file says, such as how many epochs are wished for."""
        self.config = {**self.config, **settings}
        self.write(CONFIG, json.dumps({"format": FORMAT, **self.config}, indent=2) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write one text file of the run, whole or not at all."""
        if not world().rank:
            with atomic_write(self._place(name), "w") as file:
                file.write(text)

    def draw(self, name: str, render: Callable[[Path], Any]) -> None:
        """Let `render` write a picture to a draft of the same suffix, then move it to its place."""
        if not world().rank:
            with atomic_path(self._place(name)) as draft:
                render(draft)

    def folder(self, name: str | os.PathLike[str]) -> Path:
        """Return the path of a folder inside the run, which need not exist yet.

        Raises
        ------
        RunError : this folder, or one on the way to it, is a symbolic link, which may lead out of the run.
        """
        path = self.path
        for part in Path(name).parts:
            path /= part
            if path.is_symlink():
                raise RunError(f"{path} is a symbolic link, and a run writes only inside its own folder. Remove it.")
        return path

    def _place(self, name: str) -> Path:
        """Return the path of a file of the run."""
        return self.folder(Path(name).parent) / Path(name).name

    # -- on what it was computed ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Note in ``info.json`` what computes from here on; once for each `Run` object, at the first checkpoint at
        the latest."""
        if not self._begun:
            self._begun = True
            self.write(INFO, json.dumps({"sessions": [*self.sessions(), surroundings()]}, indent=2) + "\n")

    def sessions(self) -> list[dict[str, Any]]:
        """What `surroundings` said each time when training began or went on; empty if that was not kept."""
        try:
            found = json.loads((self.path / INFO).read_text(encoding="utf-8"))["sessions"]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    # -- checkpoints ------------------------------------------------------------------------------------------

    def save(self, state: dict[str, Any], history: History) -> None:
        """Write the checkpoint, then what can be derived from it: weights and metrics."""
        self.begin()
        if world().rank:
            return
        tree, arrays = split(state)
        save(self.path / STATE, arrays, metadata={"state": json.dumps(tree)})
        self.save_weights(state["model"])
        self.write(METRICS, history.as_csv())

    def save_weights(self, weights: dict[str, np.ndarray]) -> None:
        """Write the weights that `load_weights` gives."""
        if not world().rank:
            save(self.path / MODEL, weights)

    def epochs(self) -> int:
        """How many epochs the last checkpoint has behind it; read without its arrays.

        Raises
        ------
        RunError : the file cannot be read as a checkpoint.
        """
        file = self.path / STATE
        if not file.exists():
            return 0
        try:
            return int(json.loads(read_metadata(file)["state"])["epoch"])
        except (KeyError, ValueError, TypeError) as error:
            raise RunError(f"{file} is not a checkpoint, or is damaged: {error}. Start a new run.") from error

    def load_state(self) -> dict[str, Any] | None:
        """The last checkpoint, None if there is none yet.

        Raises
        ------
        RunError : the file cannot be read as a checkpoint.
        """
        file = self.path / STATE
        if not file.exists():
            return None
        try:
            tree = json.loads(read_metadata(file)["state"])
            state: dict[str, Any] = join(tree, load(file))
        except (KeyError, ValueError) as error:
            raise RunError(f"{file} is not a checkpoint, or is damaged: {error}. Start a new run.") from error
        return state

    def model(self, *, trained: bool = True) -> Any:
        """The network that the settings describe: with its weights, in evaluation mode; or fresh, as training began.

        Raises
        ------
        RunError : the settings describe no network of `tg.models`, or there are no weights yet.
        """
        from .. import models

        config = self.config
        try:
            rng = np.random.default_rng(config["seed"])
            model = models.build(config["model"], tuple(config["input_shape"]), len(config["classes"]), rng)
        except (KeyError, TypeError) as error:
            raise RunError(f"{self.path}: its settings do not describe a network ({error}).") from error
        if trained:
            model.load_state_dict(self.load_weights())
            model.eval()
        return model

    def load_weights(self) -> dict[str, np.ndarray]:
        """The weights of the model, by name.

        Raises
        ------
        RunError : there are none yet, or the file cannot be read.
        """
        file = self.path / MODEL
        if not file.exists():
            raise RunError(f"{self.path} has no {MODEL}: its first epoch was never finished. Train it: --resume.")
        try:
            return load(file)
        except ValueError as error:
            raise RunError(f"{error} Start a new run.") from error


def surroundings() -> dict[str, Any]:
    """What results may depend on beside the settings: versions, kernels, threads, platform; and the time, in UTC."""
    from .. import kernels
    from ..core.compiled import core
    from ..kernels import native
    from ..kernels.precision import precision_in_words
    from ..ops.fused import FUSE
    from ..version import __version__

    return {
        "began": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tinygrad_cnn": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "kernels": kernels.backends(),
        "threads": native.get_num_threads(),
        "switches": {  # what else changes bits: docs/switches.md
            "precision": precision_in_words(),
            "isa": native.use_isa(),
            "winograd": native.use_winograd(),
            "fuse": FUSE,
            "core": "python" if core is None else "c",
        },
        "ranks": world().size,
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "machine": platform.machine(),
    }
