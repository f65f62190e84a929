"""DataLoader: a data set in batches, in an order that depends on (seed, epoch) alone.

Because nothing else decides the order or a transform's random numbers, a run that was stopped goes on with exactly
the batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.effects import effect
from ..autodiff.foreign import answering
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..core.errors import describe
from ..ops.random import seed_for
from .ahead import ahead
from .batch_checks import apply_transform, check_batch
from .batches import inputs_and_targets
from .dataset import Samples, check_indices, gather, located

ORDER, TRANSFORM = 0, 1  # independent streams of random numbers within an epoch


@answering("DataLoader")
@named
class DataLoader:
    """Iterates over batches (inputs, targets), such as (x (B,H,W,C) float32, y (B,) int64); a ``for`` loop is an epoch.

    Parameters
    ----------
    dataset : a `Dataset`, or anything with `len` and indexing that gives (input, target); see `tg.data.collate`.
    batch_size : samples per batch; the last one may be smaller.
    shuffle : draw a new order each epoch.
    sampler : decides what an epoch visits, instead of `shuffle`: a `Sampler`, or anything with `len` and
        ``order(rng) -> sample numbers``.
    seed : of the orders and of the transforms; None draws one if `tg.manual_seed` was called, and is 0 otherwise.
    drop_last : leave out a smaller last batch.
    transform : ``t(x, rng) -> x`` on whole batches (see `tg.data.transforms`); keeps B, float32 and the rank.  With an
        attribute ``changes_labels = True`` it is called ``t(x, y, rng) -> (x, y)``, and labels may become rows of
        probabilities (B, classes) float32; `tg.data.transforms.Joint` moves masks, boxes and images along.
    prefetch : number of batches to prepare ahead in a background thread; same batches in the same order.
    collate : ``f(samples) -> batch``, which makes a batch of a list of samples, in place of `tg.data.collate`.  What it
        returns is passed on as it is.

    Attributes
    ----------
    epoch : number of the epoch that runs, or comes next.  A loop that is left early has used up its epoch.
    position : batches already given out in this epoch.

    Raises
    ------
    TypeError, ValueError : for bad settings, an empty data set, or no batch at all.  While iterating, errors of
        the data set and the transform come as they are, with batch and epoch named.

    Examples
    --------
    >>> loader = data.DataLoader(train, batch_size=64, shuffle=True, seed=0)
    >>> x, y = next(iter(loader))
    >>> x.shape, y.shape, len(loader)
    ((64, 8, 8, 1), (64,), 23)
    """

    def __init__(
        self,
        dataset: Samples,
        batch_size: Whole = 32,
        *,
        shuffle: bool = False,
        seed: Whole | None = None,
        drop_last: bool = False,
        transform: Callable[..., Any] | None = None,
        prefetch: Whole = 0,
        sampler: Any = None,
        collate: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        _check_dataset(dataset)
        self.dataset, self.sampler = dataset, sampler
        if sampler is not None:
            _check_sampler(sampler, len(dataset), shuffle)
        self.batch_size = whole("DataLoader", "batch_size", batch_size)
        self.prefetch = whole("DataLoader", "prefetch", prefetch, 0)
        self.seed = seed_for("DataLoader", seed)
        self._seed_given = seed is not None  # else a saved state brings its own
        self.shuffle, self.drop_last, self.transform = bool(shuffle), bool(drop_last), transform
        if transform is not None and not callable(transform):
            remedy = " Put several into transforms.Compose([...])." if isinstance(transform, (list, tuple)) else ""
            raise TypeError(f"DataLoader: transform must be callable as t(x, rng), got {describe(transform)}.{remedy}")
        for setting, value in (("transform", transform), ("sampler", sampler), ("collate", collate)):
            if isinstance(value, type):
                raise TypeError(f"DataLoader: {setting} is {describe(value)}; pass an object of it.")
        if collate is not None and not callable(collate):
            raise TypeError(f"DataLoader: collate must be callable as f(samples), got {type(collate).__name__}.")
        self.collate = collate
        if len(self) == 0:
            raise ValueError(
                f"DataLoader: drop_last=True leaves no batch: {self._count()} samples, batch_size {batch_size}. "
                "Use a smaller batch_size, or drop_last=False."
            )
        self.epoch = self.position = 0
        self._resumes = False
        self._latest: object = None  # the newest loop; an older one no longer moves epoch and position

    def __len__(self) -> int:
        """Batches per epoch."""
        count = self._count()
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def _count(self) -> int:
        """Samples per epoch."""
        return len(self.dataset if self.sampler is None else self.sampler)

    def __iter__(self) -> Iterator[Any]:
        if self.position and not self._resumes:
            self._move_to(self.epoch + 1, 0)
        self._resumes = False
        self._latest = me = object()
        epoch, total = self.epoch, len(self)
        made = self._made(epoch, self.position)
        try:
            for k, batch in enumerate(made, self.position + 1):
                if self._latest is me:
                    self._move_to(epoch, k)
                yield batch
        finally:
            made.close()
        if self._latest is me and self.position == total:
            self._move_to(epoch + 1, 0)

    @effect
    def _move_to(self, epoch: int, position: int) -> None:
        """Note how many batches of which epoch were given."""
        self.epoch, self.position = epoch, position

    def order(self, epoch: int) -> np.ndarray:
        """Sample numbers in the order in which an epoch visits them."""
        if self.sampler is not None:
            return _drawn(self.sampler, len(self.dataset), self._rng(epoch, ORDER))
        count = len(self.dataset)
        return self._rng(epoch, ORDER).permutation(count) if self.shuffle else np.arange(count)

    def state_dict(self) -> dict[str, int]:
        """Where the loader is, in whole numbers, with the settings that this depends on."""
        return {"epoch": self.epoch, "position": self.position, **self._settings()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict` was taken; the next loop gives the rest of that epoch.

        Raises ValueError when this loader would not give the same batches, and TypeError when an entry is not a whole
        number.
        """
        state = {"sampled": 0, "sampler": 0, **state}  # a state of before there were samplers
        missing = {"epoch", "position", *self._settings()} - set(state)
        if missing:
            raise ValueError(f"DataLoader: the state lacks {', '.join(sorted(missing))}.")
        for name, mine in self._settings().items():
            if int(state[name]) != mine and (name != "seed" or self._seed_given):
                raise ValueError(
                    f"DataLoader: the state was taken with {name} = {state[name]}, this loader has {mine}; "
                    "the batches would not be the same."
                )
        epoch, position = (whole("DataLoader", name, state[name], 0) for name in ("epoch", "position"))
        if position > len(self):
            raise ValueError(f"DataLoader: the state has position {position}, an epoch has {len(self)} batches.")
        self.seed = whole("DataLoader", "seed", state["seed"], 0)
        self._move_to(epoch, position)
        self._resumes, self._latest = True, None

    def _settings(self) -> dict[str, int]:
        return {
            "samples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": int(self.shuffle),
            "seed": self.seed,
            "drop_last": int(self.drop_last),
            "sampled": 0 if self.sampler is None else len(self.sampler),
            "sampler": int(self.sampler.fingerprint()) if hasattr(self.sampler, "fingerprint") else 0,
        }

    def _rng(self, epoch: int, *stream: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, *stream)))

    def _made(self, epoch: int, first: int) -> Any:
        """A generator of the batches of an epoch from `first` on."""
        order = self.order(epoch)
        batches = (self._batch(order, epoch, k) for k in range(first, len(self)))
        return ahead(batches, self.prefetch) if self.prefetch else batches

    def _batch(self, order: np.ndarray, epoch: int, k: int) -> Any:
        indices = order[k * self.batch_size : (k + 1) * self.batch_size]
        try:
            batch = gather(self.dataset, indices, self.collate)
            if self.collate is None:
                check_batch(self.dataset, len(indices), batch)
            if self.transform is not None:
                batch = self._transformed(batch, self._rng(epoch, TRANSFORM, k))
        except Exception as error:
            raise located(f"DataLoader: batch {k} of epoch {epoch}", error) from error
        return batch

    def _transformed(self, batch: Any, rng: np.random.Generator) -> Any:
        """The batch with its inputs transformed, and perhaps its targets: of the form that it had."""
        assert self.transform is not None
        x, y = apply_transform(self.transform, *inputs_and_targets(batch), rng)
        if isinstance(batch, (tuple, list)):
            return (x, y)[: len(batch)]
        return x


def _check_dataset(dataset: Any) -> None:
    if isinstance(dataset, type):
        raise TypeError(f"DataLoader: dataset is {describe(dataset)}; pass an object of it.")
    usable = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if not usable and (hasattr(dataset, "__iter__") or callable(dataset)):
        raise TypeError(
            f"DataLoader: needs len and indexing, which {type(dataset).__name__} lacks. If it gives batches, one after "
            "the other, wrap it in data.Batches(...) and use that in place of a loader."
        )
    if not usable or isinstance(dataset, (np.ndarray, tuple, dict, str, bytes)):
        raise TypeError(
            f"DataLoader: needs a data set, got {type(dataset).__name__}. Wrap arrays in ArrayDataset(inputs, targets)."
        )
    if len(dataset) == 0:
        raise ValueError(f"DataLoader: {getattr(dataset, 'name', 'the data set')} is empty; there is nothing to load.")


def _check_sampler(sampler: Any, count: int, shuffle: bool) -> None:
    if not (hasattr(sampler, "__len__") and callable(getattr(sampler, "order", None))):
        raise TypeError(
            f"DataLoader: sampler must have len and order(rng), got {type(sampler).__name__}. "
            "See data.WeightedSampler and data.BalancedSampler."
        )
    if shuffle:
        raise ValueError("DataLoader: shuffle=True and a sampler both decide the order; leave shuffle out.")
    made_for = getattr(sampler, "samples", count)
    if made_for != count:
        raise ValueError(f"DataLoader: the sampler was made for {made_for} samples, the data set has {count}.")
    if len(sampler) == 0:
        raise ValueError("DataLoader: the sampler gives no samples; there is nothing to load.")


def _drawn(sampler: Any, count: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers that a sampler gives for an epoch, checked."""
    who = type(sampler).__name__
    order = check_indices(sampler.order(rng), count, f"{who}.order")
    if len(order) != len(sampler):
        raise ValueError(f"{who}.order: must give {len(sampler)} sample numbers, its length; it gave {len(order)}.")
    return order
