"""Batches from anywhere: an iterable, or a function that makes one for each epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..autodiff.calls import named
from ..autodiff.effects import effect
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole


@named
class Batches:
    """Batches that something else makes, in place of a `DataLoader`; each ``for`` loop is one epoch.

    Parameters
    ----------
    source : an iterable of batches, such as a list; or a function that returns one for each epoch, called with the
        number of the epoch if it has an argument without a default.  A generator can be gone through only once: with
        `length`, an epoch takes the next batches of it; without, one epoch is all there is.
    length : batches in an epoch.  None: all that the source gives, whose number is known if it has `len`.

    Attributes
    ----------
    epoch : number of the epoch that runs, or comes next.  A loop that is left early has used up its epoch.
    position : batches already given out in this epoch.

    Raises
    ------
    TypeError : `source` is neither an iterable nor a function.
    ValueError : while iterating, the source ends before `length` batches, or gives none.

    Examples
    --------
    >>> def batches(epoch):
    ...     rng = np.random.default_rng(epoch)
    ...     for _ in range(3):
    ...         x = rng.random((8, 2))
    ...         yield x, x.sum(axis=1)
    >>> stream = data.Batches(batches, length=3)
    >>> [x.shape for x, y in stream], stream.epoch, len(stream)
    ([(8, 2), (8, 2), (8, 2)], 1, 3)
    """

    def __init__(self, source: Iterable[Any] | Callable[..., Iterable[Any]], length: Whole | None = None) -> None:
        self.makes = not hasattr(source, "__iter__")
        if isinstance(source, (str, bytes, dict)) or (self.makes and not callable(source)):
            got = type(source).__name__
            raise TypeError(f"Batches: source must be an iterable of batches or a function, got {got}.")
        self.source = source
        self.length = None if length is None else whole("Batches", "length", length)
        self.epoch = self.position = 0
        self._resumes = False
        self._latest: object = None  # the newest loop; an older one no longer moves epoch and position
        self._taken = 0  # batches that a source which can be gone through only once has given

    def __len__(self) -> int:
        """Batches per epoch; a TypeError says so if nobody knows."""
        if self.length is not None:
            return self.length
        if self.makes or not hasattr(self.source, "__len__"):
            raise TypeError(f"Batches: the {_kind(self.source)} has no length; give length=, the batches in an epoch.")
        return len(self.source)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        if self.position and not self._resumes:
            self._move_to(self.epoch + 1, 0)
        self._resumes = False
        self._latest = me = object()
        epoch, first = self.epoch, self.position
        k = first
        for batch in () if k == self.length else self._from(epoch, first):
            k += 1
            if self._latest is me:
                self._move_to(epoch, k)
            yield batch
            if k == self.length:
                break
        if self.length is not None and k < self.length:
            raise ValueError(
                f"Batches: the {_kind(self.source)} ended after {k} batches of epoch {epoch}; length={self.length} "
                "asks for more. Give a smaller length, or a function that makes the batches anew for each epoch."
            )
        if k == 0:
            raise ValueError(f"Batches: the {_kind(self.source)} gave no batches in epoch {epoch}.")
        if self._latest is me:
            self._move_to(epoch + 1, 0)

    @effect
    def _move_to(self, epoch: int, position: int) -> None:
        """Note how many batches of which epoch were given."""
        self.epoch, self.position = epoch, position

    def state_dict(self) -> dict[str, int]:
        """Where in which epoch this is."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict` was taken: the next loop leaves out the batches of its epoch that were given before.

        They are made again, so that the rest is the same if the source gives the same batches for the same epoch.
        """
        missing = {"epoch", "position"} - set(state)
        if missing:
            raise ValueError(f"Batches: the state lacks {', '.join(sorted(missing))}.")
        epoch, position = (whole("Batches", name, state[name], 0) for name in ("epoch", "position"))
        if self.length is not None and position > self.length:
            raise ValueError(f"Batches: the state has position {position}, an epoch has {self.length} batches.")
        self._move_to(epoch, position)
        self._resumes, self._latest = True, None

    def _from(self, epoch: int, first: int) -> Iterator[Any]:
        """The batches of an epoch from `first` on."""
        if self.makes:
            made = self.source(epoch) if _takes_epoch(self.source) else self.source()  # type: ignore[operator]
            if not hasattr(made, "__iter__"):
                raise TypeError(f"Batches: the function must return an iterable of batches, got {type(made).__name__}.")
            batches, skipped = iter(made), first
        else:
            batches, skipped = iter(self.source), first  # type: ignore[arg-type]
            if batches is self.source:
                return self._once(batches, epoch, first)
        for _ in range(skipped):
            next(batches, None)
        return batches

    def _once(self, batches: Iterator[Any], epoch: int, first: int) -> Iterator[Any]:
        """The next batches of what cannot begin again."""
        start = first if self.length is None else epoch * self.length + first
        if self._taken > start or (self.length is None and epoch):
            raise ValueError(
                f"Batches: a {_kind(self.source)} can be gone through only once, and epoch {epoch} needs it again. "
                "Pass a function that makes it, data.Batches(lambda: ...), or a list."
            )
        for _ in range(start - self._taken):
            next(batches, None)
            self._take_one()
        for batch in batches:
            self._take_one()
            yield batch

    @effect
    def _take_one(self) -> None:
        """Note that a source which cannot begin again has given one batch more."""
        self._taken += 1

    def __repr__(self) -> str:
        count = self.length if self.makes or not hasattr(self.source, "__len__") else len(self)
        return f"<Batches of a {_kind(self.source)}: {'?' if count is None else count} an epoch>"


def _kind(source: Any) -> str:
    return "function" if not hasattr(source, "__iter__") else type(source).__name__


def _takes_epoch(function: Any) -> bool:
    """Whether a function has an argument that must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of some functions written in C
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(p.kind in positional and p.default is p.empty for p in parameters)
