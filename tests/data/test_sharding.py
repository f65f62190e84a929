"""Shares: the ranks' batches together are the batches of one process."""

import itertools

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.data import ArrayDataset, DataLoader
from tinygrad_cnn.data.sharding import share_of

DATA = ArrayDataset(np.arange(47, dtype=np.float32)[:, None], np.arange(47) % 5, name="toy")


@pytest.mark.parametrize("count", [1, 7, 12, 23, 24])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_shares_of_all_ranks_are_the_whole(count, size):
    order = np.random.default_rng(0).permutation(count)
    padded = [share_of(order, 2, rank, size) for rank in range(size)]
    assert len({*map(len, padded)}) == 1 and {*np.concatenate(padded).tolist()} == {*range(count)}
    exact = [share_of(order, 2, rank, size, pad=False) for rank in range(size)]
    assert sorted(np.concatenate(exact).tolist()) == list(range(count))
    dropped = [share_of(order, 2, rank, size, drop_last=True) for rank in range(size)]
    assert sum(map(len, dropped)) == count // (2 * size) * 2 * size
    for k in range(count // (2 * size)):  # the k-th batches together are the k-th batch
        together = np.concatenate([share[2 * k : 2 * k + 2] for share in dropped])
        assert together.tolist() == order[2 * size * k : 2 * size * (k + 1)].tolist()


def epochs(loader, count=2):
    return [[x[:, 0].astype(int).tolist() for x, _ in loader] for _ in range(count)]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_loader_gives_each_rank_its_share(prefetch):
    def program(**settings):
        return epochs(DataLoader(DATA, 4, shuffle=True, seed=1 + tg.distributed.rank(), prefetch=prefetch, **settings))

    whole = epochs(DataLoader(DATA, 12, shuffle=True, seed=1))
    ranks = tg.distributed.run_threads(3, program)
    for epoch in range(2):
        together = [[*itertools.chain(*batches)] for batches in zip(*(rank[epoch] for rank in ranks), strict=True)]
        assert together[:-1] == whole[epoch][:-1] and together[-1][: len(whole[epoch][-1])] == whole[epoch][-1]
    first, second, _ = tg.distributed.run_threads(3, lambda: program(shard=False))
    assert first == epochs(DataLoader(DATA, 4, shuffle=True, seed=1)) != second


def test_ranks_transform_apart():
    def noise(x, rng):
        return x + rng.normal(size=x.shape).astype(np.float32)

    def program():
        loader = DataLoader(ArrayDataset(np.zeros((8, 1), np.float32), np.zeros(8, int)), 2, transform=noise, seed=0)
        return [x.tolist() for x, _ in loader]

    first, second = tg.distributed.run_threads(2, program)
    assert first[0] != second[0]


@pytest.mark.parametrize(("size", "batch_size"), [(2, 3), (3, 2), (2, 6)])
def test_a_state_goes_on_with_another_number_of_ranks(size, batch_size):
    loader = DataLoader(DATA, 6, shuffle=True, seed=4)
    seen = [x[:, 0].astype(int).tolist() for _, (x, _) in zip(range(4), loader, strict=False)]
    state = loader.state_dict()

    def program():
        mine = DataLoader(DATA, batch_size, shuffle=True, seed=4)
        mine.load_state_dict(state)
        return epochs(mine, 1)[0]

    rest = {n for rank in tg.distributed.run_threads(size, program) for batch in rank for n in batch}
    assert rest | {*itertools.chain(*seen)} == {*range(47)}
