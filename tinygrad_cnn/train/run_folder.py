"""The run folder: what one training writes, each file whole or not at all.

==================== ============================================================================================
``config.json``      what was asked for: data, model, epochs, seed, ... ; its presence makes a folder a run
``info.json``        on what it was computed: versions, kernels, threads, platform; one entry for each time it was begun
``checkpoints/``     all that is needed to go on or to replay a step (`train.checkpoints`)
``flight.bin``       a few bytes of each step (`train.flight`)
``model.safetensors`` the weights
``metrics.csv``      the history
``watch.json``       histograms of weights and gradients over the epochs (`tg.plots.Watch`)
``graph.svg``, ``curves.png``, ``confusion.png``   pictures; ``masks.png`` instead of the last for a segmentation
``report.html``      all of it on one page (`tg.report`)
==================== ============================================================================================

The folder itself may be a symbolic link.  A link inside it is never written through, because a run may come from
somebody else: a link in the place of a file is replaced by the file, a link in the place of a folder is refused.

One process at a time trains in a run; the lock that says so ends with the process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.outside import warn
from ..autodiff.world import world
from ..core.register import hooks
from ..io import atomic_write, load, save
from ..io.atomic import DRAFT, atomic_path, inside, sweep
from ..io.locks import holding
from .checkpoints import FOLDER, KEEP, Checkpoints, Damaged
from .flight import Flight
from .history import History
from .settings import complaint
from .surroundings import changes, surroundings

CONFIG, MODEL, METRICS = "config.json", "model.safetensors", "metrics.csv"
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
        self.checkpoints, self.flight = Checkpoints(path), Flight(path)
        self._begun = False
        self._writers = 0  # blocks of `writing` that are open

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
        if path.is_dir() and all(DRAFT.fullmatch(entry.name) for entry in path.iterdir()):
            sweep(path)  # what a process left that was killed right at its start
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
        except (ValueError, AttributeError, TypeError, RecursionError, OSError) as error:
            why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise RunError(f"{file} is not the settings file of a run: {why}.") from error
        if known != FORMAT:
            raise RunError(
                f"{file} has the format {known!r}, this version reads {FORMAT!r}. "
                "Use the version of tinygrad_cnn that wrote it; info.json names it."
            )
        return cls(path, config)

    def check(self, *names: str) -> dict[str, Any]:
        """Return the settings, of which those named are there and of the right type.

        Raises
        ------
        RunError : one is missing or of another type.
        """
        if words := complaint(self.config, names):
            raise RunError(f"{self.path / CONFIG}: {words}.")
        return self.config

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
        try:
            return inside(self.path, name)
        except OSError as error:
            raise RunError(str(error)) from None

    def _place(self, name: str) -> Path:
        """Return the path of a file of the run."""
        return self.folder(Path(name).parent) / Path(name).name

    # -- who writes, and on what it was computed ---------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A context in which nobody else trains in this run.  Drafts that killed processes left are removed.

        Raises
        ------
        RunError : another process, or another `Run` of this one, trains in it.
        """
        if self._writers or world().rank:
            yield
            return
        with holding(self.path) as mine:
            if not mine:
                raise RunError(
                    f"{self.path} is in use: another process trains in it{self._holder()}. Wait until it ends, "
                    "or start a new run."
                )
            for folder in (self.path, self.path / FOLDER):
                if not (folder is not self.path and folder.is_symlink()):
                    sweep(folder)
            self._writers += 1
            try:
                yield
            finally:
                self._writers -= 1

    def _holder(self) -> str:
        """Who began last, in words."""
        last = (self.sessions() or [{}])[-1]
        return f" (process {last['process']} of {last['host']})" if {"process", "host"} <= last.keys() else ""

    def begin(self) -> None:
        """Note in ``info.json`` what computes from here on; once for each `Run` object, at the first checkpoint at
        the latest.

        Warns
        -----
        UserWarning : it was begun with other versions, kernels or switches.
        """
        if not self._begun:
            self._begun = True
            before, now = self.sessions(), surroundings()
            if before and (words := changes(before[-1], now)):
                warn(f"{self.path}: was computed with {words}. Training goes on, but its bits may differ.")
            self.write(INFO, json.dumps({"sessions": [*before, now]}, indent=2) + "\n")

    def sessions(self) -> list[dict[str, Any]]:
        """What `surroundings` said each time when training began or went on; empty if that was not kept."""
        try:
            found = json.loads((self.path / INFO).read_text(encoding="utf-8"))["sessions"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    # -- checkpoints ------------------------------------------------------------------------------------------

    def save(self, state: dict[str, Any], history: History, *, keep: int = KEEP) -> None:
        """Write a checkpoint, then what can be derived from it: weights and metrics.

        Raises
        ------
        RunError : another process trains in this run, or the disk is full; the checkpoints before are kept.
        """
        if world().rank:
            return
        with self.writing():
            try:
                self.begin()
                self.flight.flush()
                self.checkpoints.write(state, keep=keep)
                if state["step"]:
                    self.save_weights(state["model"])
                self.write(METRICS, history.as_csv())
            except OSError as error:
                if error.filename is None:
                    raise
                steps = self.checkpoints.steps()
                kept = f"The checkpoint of step {steps[-1]} is kept" if steps else "There is no checkpoint yet"
                raise RunError(
                    f"{error.filename} cannot be written: {error.strerror}. {kept}; make room, then go on with it: "
                    f"--resume {self.path}"
                ) from error

    def save_weights(self, weights: dict[str, np.ndarray]) -> None:
        """Write the weights that `load_weights` gives."""
        if not world().rank:
            save(self.path / MODEL, weights)

    def epochs(self) -> int:
        """How many epochs the last checkpoint has behind it; read without its arrays.

        Raises
        ------
        RunError : no checkpoint can be read, though there is one.
        """
        try:
            return int((self.checkpoints.described() or {"epoch": 0})["epoch"])
        except Damaged as error:
            raise RunError(f"{error} Start a new run.") from error

    def load_state(self, at_most: int | None = None) -> dict[str, Any] | None:
        """The last checkpoint, of step `at_most` at the latest; None if there is none yet.

        A damaged one is passed over, with a warning.

        Raises
        ------
        RunError : no checkpoint can be read, though there is one.
        """
        try:
            return self.checkpoints.read(at_most)
        except Damaged as error:
            raise RunError(f"{error} Start a new run.") from error

    def model(self, *, trained: bool = True) -> Any:
        """The network that the settings describe: with its weights, in evaluation mode; or fresh, as training began.

        Raises
        ------
        RunError : the settings describe no network of `tg.models`, or there are no weights yet.
        """
        from .. import models

        config = self.check("model", "input_shape", "classes", "seed")
        try:
            rng = np.random.default_rng(config["seed"])
            model = models.build(config["model"], tuple(config["input_shape"]), len(config["classes"]), rng)
        except (KeyError, TypeError, MemoryError) as error:
            raise RunError(f"{self.path}: its settings do not describe a network ({error}).") from error
        if trained:
            model.load_state_dict(self.load_weights())
            model.eval()
        return model

    def replay(self, step: int, model: Any = None, data: Any = None, **settings: Any) -> Any:
        """Compute a step again, from the nearest checkpoint on, with the same bits.

        Parameters
        ----------
        step : the number of the update, from 1.
        model, data, settings : as `fit` had them, the model with any weights; a run of ``tinygrad-cnn train`` needs
            none of them.

        Returns
        -------
        A `tinygrad_cnn.train.replay.Replay`: the model before the update, the batch, and the loss with its graph.

        Raises
        ------
        RunError : that step has not been taken, or there is no checkpoint before it.

        >>> run = tg.Run.create("replayed")
        >>> history = tg.fit(model, train, epochs=1, seed=0, progress=False, run=run)
        >>> replay = run.replay(3, model, train, seed=0)
        >>> replay.same, replay.samples[:3]
        (True, array([...]))
        >>> loss = replay.run()
        >>> bool(abs(replay.norm() - replay.record["norm"]) < 1e-5 * replay.norm())
        True
        """
        return hooks["replay"](self, step, model, data, **settings)

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
