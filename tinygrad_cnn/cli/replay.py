"""``tinygrad-cnn replay``: a step of a run again, with whatever one wants to look at switched on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from ..kernels.precision import set_float32_precision
from ..train.run_folder import Run
from .words import echo

SHOWN = 5  # samples and modules in the answer


def replay(
    folder: Path, number: int, *, profile: bool, anomaly: bool, draw: Path | None, picture: Path | None
) -> int:
    """Replay a step, print what is known of it, and write the pictures that were asked for; the exit code."""
    run = Run.open(folder)
    with set_float32_precision(run.config.get("precision", "highest")):
        return _replayed(run, number, profile, anomaly, draw, picture)


def _replayed(run: Run, number: int, profile: bool, anomaly: bool, draw: Path | None, picture: Path | None) -> int:
    from .. import insight

    found = run.replay(number)
    loss = found.loss.item()
    if np.isfinite(loss):
        found.run()
    _tell(run, found, loss)
    if draw is not None:
        _draw(found, draw, np.isfinite(loss))
    if picture is not None:
        _picture(run, found, picture)
    if profile:
        with insight.profile() as measured:
            found.run() if np.isfinite(loss) else found.forward()
        echo(measured)
    if anomaly:
        try:
            with insight.anomaly():
                found.run()
            echo("anomaly: every value and every gradient of this step is finite")
        except insight.AnomalyError as error:
            echo(error)
    return 1 if found.same is False else 0


def _tell(run: Run, found: Any, loss: float) -> None:
    number = found.step
    echo(f"step {number} of {run.path}, epoch {found.epoch}: loss {loss:.6g}")
    if np.isfinite(loss):
        shares = sorted(found.shares().items(), key=lambda one: -one[1])[:SHOWN]
        echo(f"gradient: norm {found.norm():.6g}; of its square "
             + ", ".join(f"{share:.0%} in {path or 'the model itself'}" for path, share in shares))  # fmt: skip
    losses = found.losses()
    if losses is not None:
        order = np.argsort(-np.nan_to_num(losses, nan=np.inf), kind="stable")[:SHOWN]
        names = found.samples if found.samples is not None else np.arange(len(losses))
        echo("largest losses: " + ", ".join(f"sample {names[k]} {losses[k]:.4g}" for k in order))
    if found.same is None:
        echo("nothing was recorded of this step, so there is nothing to compare it with")
    elif found.same:
        echo("the same bits as recorded: this loss, and all on the way from the checkpoint")
    else:
        echo(f"OTHER bits than recorded, from step {found.differs} on: other kernels, switches, threads or data?")


def _draw(found: Any, out: Path, finite: bool) -> None:
    from .. import graphs

    words = {"values", "grads"} if finite else {"values"}
    found.forward()
    title = f"step {found.step}"
    echo(f"drawn: {graphs.draw(found.loss, show=words, title=title).render(out)}")  # type: ignore[arg-type]


def _picture(run: Run, found: Any, out: Path) -> None:
    from .. import plots
    from ..io import atomic_write

    images, labels = found.batch
    if not isinstance(images, np.ndarray) or images.ndim != 4:
        raise click.ClickException("replay: --picture needs a batch of images (N,H,W,C).")
    plain = isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu"
    figure = plots.samples(images, labels if plain else None, found.losses(), numbers=found.samples,
                           classes=run.config.get("classes"))  # fmt: skip
    with atomic_write(out) as file:
        figure.savefig(file, format=out.suffix.lstrip(".") or "png")
    echo(f"drawn: {out}")
