"""What is known about a run: read from its folder, or found out with its network and the held-out images."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...train import predict
from ...train.callbacks import states_of
from ...train.history import History
from ...train.recipes import MADE
from ...train.run_folder import METRICS, WATCH, Run, RunError

MOST_IMAGES = 10_000  # that are predicted for a report
MASKS_AT_ONCE = 64


@dataclass
class Facts:
    """A run as a page tells it.  What could not be had stands in `missing`, {reason: [what]}."""

    run: Run
    name: str
    history: History
    sessions: list[dict[str, Any]]
    model: Any = None
    images: np.ndarray | None = None  # (N,H,W,C), held out
    labels: np.ndarray | None = None  # (N,), or masks (N,H,W)
    classes: list[str] = field(default_factory=list)
    logits: np.ndarray | None = None  # (N,C); None for masks
    guesses: np.ndarray | None = None  # the likeliest classes, as labels
    watched: Any = None  # a plots.Watch, or None
    status: str = ""  # how it ended, if not as the history says
    missing: dict[str, list[str]] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for, by name."""
        return self.run.config

    @property
    def masks(self) -> bool:
        """Whether each pixel has a class, instead of each image."""
        return self.labels is not None and self.labels.ndim == 3

    def last(self, name: str) -> float | None:
        """A column's value in the epoch whose weights the model has; None if there is none."""
        if name not in self.history.names:
            return None
        row = self.history.best_epoch or len(self.history)
        value = self.history[name][min(row, len(self.history)) - 1]
        return value if math.isfinite(value) else None

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """A block whose failure leaves out `what` and is told on the page: a report must not fail a training."""
        try:
            yield
        except Exception as error:
            self.leave_out(what, " ".join(str(error).split()) or type(error).__name__)

    def leave_out(self, what: str, why: str) -> None:
        """Note that something is not on the page."""
        self.missing.setdefault(why[:600], []).append(what)

    @property
    def missing_line(self) -> str:
        """One line for a terminal; "" if nothing is missing."""
        return "; ".join(f"left out: {', '.join(what)} ({why.rstrip('.')})" for why, what in self.missing.items())


def gather(
    run: Any, *, model: Any = None, test: Any = None, history: History | None = None, watch: Any = None,
    status: str = "", network: bool = True,
) -> Facts:  # fmt: skip
    """Everything about a run that its folder, or what is given, tells.

    Parameters
    ----------
    run : a Run or its path.
    model, test : the trained network and held-out data, where the run's settings do not say them.
    history, watch, status : where they are known already; `watch` is a `plots.Watch`.
    network : False: leave network and data alone.

    Raises
    ------
    RunError : there is no run, or its metrics cannot be read.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    facts = Facts(run, run.path.resolve().name, history or read_history(run), run.sessions(), status=status)
    facts.watched = watch
    classes = run.config.get("classes")
    facts.classes = [str(c) for c in classes] if isinstance(classes, list) else []
    if watch is None and network:
        with facts.attempt("weights and gradients over the epochs"):
            facts.watched = read_watch(run)
    if network:
        facts.model = model
        if model is None:
            with facts.attempt("everything about the network"):
                facts.model = run.model()
        with facts.attempt("everything about the held-out images"):
            _take(facts, held_out(run) if test is None else test)
        if facts.model is not None and facts.images is not None:
            with facts.attempt("what the network says about the held-out images"):
                _predict(facts)
    return facts


def _take(facts: Facts, test: Any) -> None:
    """The first images and labels of a data set, or of a pair of arrays."""
    from ...data.dataset import gather as batch

    if isinstance(test, tuple) and len(test) == 2:
        images, labels = (np.asarray(part)[:MOST_IMAGES] for part in test)
    else:
        images, labels = batch(test, np.arange(min(len(test), MOST_IMAGES)))
        facts.classes = facts.classes or [str(c) for c in getattr(test, "classes", ())]
    if not isinstance(labels, np.ndarray) or labels.ndim not in (1, 3) or labels.dtype.kind not in "iu":
        raise ValueError("the targets are not class indices (N,) or (N,H,W), so nothing is said about classes.")
    if not len(images):
        raise ValueError("no images are held out.")
    facts.images, facts.labels = images, labels


def _predict(facts: Facts) -> None:
    """What the network says: logits and classes, of masks the classes alone, a few images at a time."""
    assert facts.images is not None and facts.labels is not None
    step = MASKS_AT_ONCE if facts.masks else len(facts.images)
    guesses = []
    for k in range(0, len(facts.images), step):
        logits = predict(facts.model, facts.images[k : k + step])
        if logits.ndim != facts.labels.ndim + 1 or logits.shape[-1] <= int(facts.labels.max()):
            raise ValueError(f"the network gives {logits.shape}, not one logit for each class: there are no guesses.")
        guesses.append(logits.argmax(axis=-1))
    facts.classes = facts.classes or [str(c) for c in range(logits.shape[-1])]
    facts.guesses = np.concatenate(guesses)
    facts.logits = None if facts.masks else logits


def held_out(run: Run) -> Any:
    """The test part of the data set that the settings name, from this machine: a report asks no network.

    Raises
    ------
    RunError : the settings name none of ours.
    FileNotFoundError : its files are not here.
    """
    from ... import data

    name, folder = run.config.get("data"), run.config.get("data_dir")
    if not isinstance(name, str) or not (folder is None or isinstance(folder, str)):
        raise RunError("the run's settings name no data set; give it: tg.report(run, test=data)")
    if name in MADE:
        return getattr(data, name)()[1]
    if name in ("mnist", "fashion_mnist", "cifar10"):
        return getattr(data, name)(data_dir=folder, download=False)[1]
    raise RunError("the run's settings name no data set of tg.data; give it: tg.report(run, test=data)")


def read_watch(run: Run) -> Any:
    """The recording of weights and gradients that the run keeps, a `plots.Watch` without a model.

    Raises
    ------
    RunError : there is none.
    ValueError : it is damaged.
    """
    from ...plots import Watch

    file = run.path / WATCH
    if not file.exists():
        raise RunError(f"nothing was recorded in {WATCH}; to record, train with callbacks=[tg.plots.Watch()]")
    return Watch.from_json(json.loads(file.read_text(encoding="utf-8")))


def read_history(run: Run) -> History:
    """The history: from the checkpoint, which knows how training ended, else from the table of numbers."""
    state = run.load_state()
    if state is not None:
        try:
            history = History(**state["history"])
            best = states_of(state).get("EarlyStop", {})
            if best.get("weights"):  # it chose them after the checkpoint was written
                history.best_epoch = best["epoch"]
        except (KeyError, TypeError) as error:
            raise RunError(f"{run.path}: its checkpoint has no history of training ({error}).") from error
        return history
    file = run.path / METRICS
    if not file.exists():
        return History()
    return History(_rows(file), "unknown")


def _rows(file: Path) -> list[dict[str, float]]:
    try:
        with open(file, newline="", encoding="utf-8") as lines:
            return [{k: float(v) for k, v in row.items() if v != ""} for row in csv.DictReader(lines)]
    except (ValueError, TypeError, AttributeError, csv.Error) as error:
        raise RunError(f"{file} is damaged: {error}.") from error
