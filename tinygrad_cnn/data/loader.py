"""DataLoader: a data set in batches, in an order that depends on (seed, epoch) alone.

Because nothing else decides the order or a transform's random numbers, a run that was stopped goes on with exactly
the batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.effects import effect
from ..autodiff.foreign import answering
from ..autodiff.kinds import Whole
from ..autodiff.numbers import whole
from ..autodiff.world import ALONE, World, world
from ..core.errors import describe
from ..ops.random import seed_for
from .ahead import ahead
from .batch_checks import apply_transform, check_batch
from .batches import inputs_and_targets
from .dataset import Samples, check_indices, gather, located
from .sharding import share_of

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
    shard : once `tg.distributed.parallel` was called, give each rank its share of the samples: `batch_size` is then
        that of one rank, and all ranks make the loader, alike.  A smaller last batch is filled up to one size on all
        ranks with samples from the beginning of the epoch.  False: all samples on every rank.
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
        shard: bool = True,
    ) -> None:
        _check_dataset(dataset)
        self.dataset, self.sampler = dataset, sampler
        if sampler is not None:
            _check_sampler(sampler, len(dataset), shuffle)
        self.batch_size = whole("DataLoader", "batch_size", batch_size)
        self.prefetch = whole("DataLoader", "prefetch", prefetch, 0)
        self.seed = seed_for("DataLoader", seed)
        self._seed_given = seed is not None  # else a saved state brings its own
        self.shard, self._rank, self._size, self._pad = bool(shard), 0, 1, True
        if self._join().size > 1:
            self.seed = world().same(self.seed)  # or ranks would not visit different samples
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
            ranks = f" on each of {self._size} ranks" * (self._size > 1)
            raise ValueError(
                f"DataLoader: drop_last=True leaves no batch: {self._count()} samples, batch_size {batch_size}{ranks}. "
                "Use a smaller batch_size, or drop_last=False."
            )
        self.epoch = self.position = 0
        self._resumes = False
        self._latest: object = None  # the newest loop; an older one no longer moves epoch and position

    def __len__(self) -> int:
        """Batches per epoch."""
        count, size = self._count(), self.batch_size * self._size
        return count // size if self.drop_last else -(-count // size)

    def _join(self) -> World:
        """The ranks that share the samples, as they are now, when an epoch begins."""
        here = world() if self.shard else ALONE
        self._rank, self._size = here.rank, here.size
        return here

    @property
    def ranks(self) -> int:
        """How many ranks share the samples; 1 for each rank having all of them."""
        return self._size

    def without_repeats(self) -> DataLoader:
        """Return a loader of the same shares in which no sample comes twice, so that ranks may differ by one batch."""
        other = copy(self)
        other._pad = False
        return other

    def _count(self) -> int:
        """Samples per epoch."""
        return len(self.dataset if self.sampler is None else self.sampler)

    def __iter__(self) -> Iterator[Any]:
        if self.position and not self._resumes:
            self._move_to(self.epoch + 1, 0)
        self._resumes = False
        if not self.position:
            self._join()
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
        """Sample numbers in the order in which an epoch visits them, on this rank."""
        rng, count = self._rng(epoch, ORDER), len(self.dataset)
        if self.sampler is not None:
            order = _drawn(self.sampler, count, rng)
        else:
            order = rng.permutation(count) if self.shuffle else np.arange(count)
        if self._size == 1:
            return order
        return share_of(order, self.batch_size, self._rank, self._size, drop_last=self.drop_last, pad=self._pad)

    def state_dict(self) -> dict[str, int]:
        """Where the loader is, in whole numbers, with the settings that this depends on."""
        ranks = {} if self._size == 1 else {"ranks": self._size}
        return {"epoch": self.epoch, "position": self.position, **self._settings(), **ranks}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict` was taken; the next loop gives the rest of that epoch.

        A state of another number of ranks goes on at the same sample, or up to one batch before it.

        Raises ValueError when this loader would not give the same batches, and TypeError when an entry is not a whole
        number.
        """
        state = {"sampled": 0, "sampler": 0, **state}  # a state of before there were samplers
        missing = {"epoch", "position", *self._settings()} - set(state)
        if missing:
            raise ValueError(f"DataLoader: the state lacks {', '.join(sorted(missing))}.")
        before, now = (int(state["batch_size"]) * int(state.get("ranks", 1)), self.batch_size * self._size)
        ranks_differ = int(state.get("ranks", 1)) != self._size
        for name, mine in self._settings().items():
            if ranks_differ and name == "batch_size":
                continue
            if int(state[name]) != mine and (name != "seed" or self._seed_given):
                raise ValueError(
                    f"DataLoader: the state was taken with {name} = {state[name]}, this loader has {mine}; "
                    "the batches would not be the same."
                )
        epoch, position = (whole("DataLoader", name, state[name], 0) for name in ("epoch", "position"))
        position = position * before // now if ranks_differ else position
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
        last = min(len(self), -(-len(order) // self.batch_size))  # a share without repeats may be a batch shorter
        batches = (self._batch(order, epoch, k) for k in range(first, last))
        return ahead(batches, self.prefetch) if self.prefetch else batches

    def _batch(self, order: np.ndarray, epoch: int, k: int) -> Any:
        indices = order[k * self.batch_size : (k + 1) * self.batch_size]
        try:
            batch = gather(self.dataset, indices, self.collate)
            if self.collate is None:
                check_batch(self.dataset, len(indices), batch)
            if self.transform is not None:
                batch = self._transformed(batch, self._rng(epoch, TRANSFORM, k, *[self._rank] * (self._rank > 0)))
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
