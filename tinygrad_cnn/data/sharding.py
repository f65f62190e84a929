"""The share of an epoch that one of several ranks visits."""

from __future__ import annotations

import numpy as np


def share_of(
    order: np.ndarray, batch_size: int, rank: int, size: int, *, drop_last: bool = False, pad: bool = True
) -> np.ndarray:
    """Return the sample numbers of one rank, which cut into batches of `batch_size` are its batches.

    The ranks' k-th batches together are the k-th batch of one process with `size` times the batch size.  The last
    ones are smaller: with `pad` of one size on all ranks, for which up to ``size - 1`` samples from the beginning of
    the order come a second time; otherwise as equal as they can be, perhaps empty.

    >>> from tinygrad_cnn.data.sharding import share_of
    >>> [share_of(np.arange(11), 2, rank, 2).tolist() for rank in range(2)]
    [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 0]]
    >>> [share_of(np.arange(11), 2, rank, 2, pad=False).tolist() for rank in range(2)]
    [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10]]
    """
    full = len(order) // (batch_size * size) * batch_size * size
    own, rest = order[:full].reshape(-1, size, batch_size)[:, rank].reshape(-1), order[full:]
    if drop_last or not len(rest):
        return own
    if pad:
        rest = np.concatenate([rest, np.resize(order, -len(rest) % size)])
    return np.concatenate([own, np.array_split(rest, size)[rank]])
