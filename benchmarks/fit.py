"""`fit` against a loop written by hand, on small networks, where what a loop adds to the ops weighs most.

    TINYGRAD_CNN_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/fit.py

Both train the same network from the same weights on the same batches, and end with the same bits, which is checked.
They take turns in one process, and each goes first in every other turn.  Times are of the processor and of one thread;
medians over all turns are shown, and the median of the ratios turn by turn.  The loop by hand adds up the loss as
`fit` does; "and accuracy" has both find the accuracy of each batch too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, models, nn, optim
from tinygrad_cnn.data import ArrayDataset, DataLoader

Case = tuple[Callable[[], Any], ArrayDataset, Any, bool]  # network, data, loss, whether accuracy is found
EPOCHS, BATCH = 10, 64


def cases() -> dict[str, Case]:
    """What is trained, by what the table says of it."""
    rng = np.random.default_rng(0)
    digits = data.digits()[0]
    rows = rng.standard_normal((2048, 16)).astype(np.float32)
    numbers = ArrayDataset(rows, rows[:, :4] * 2)

    def mlp() -> Any:
        return nn.Sequential(nn.Linear(16, 32, rng=0), nn.ReLU(), nn.Linear(32, 4, rng=1))

    def lenet() -> Any:
        return models.build("lenet", (8, 8, 1), 10, rng=0)

    def small() -> Any:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=0))

    return {
        "MLP 16-32-4, mse": (mlp, numbers, tg.mse_loss, False),
        "softmax regression of digits": (small, digits, tg.softmax_cross_entropy, False),
        "softmax regression of digits, and accuracy": (small, digits, tg.softmax_cross_entropy, True),
        "LeNet on digits": (lenet, digits, tg.softmax_cross_entropy, False),
        "LeNet on digits, and accuracy": (lenet, digits, tg.softmax_cross_entropy, True),
    }


def by_hand(model: Any, samples: ArrayDataset, loss_of: Any, accuracy: bool) -> Any:
    """The loop that one writes without `fit`."""
    loader = DataLoader(samples, BATCH, shuffle=True, seed=0)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        total, right, count = 0.0, 0.0, 0
        for x, y in loader:
            outputs = model(x)
            loss = loss_of(outputs, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, count = total + float(loss) * len(x), count + len(x)
            if accuracy:
                right += float(np.mean(outputs.data.argmax(axis=-1) == y)) * len(x)
    return model


def by_fit(model: Any, samples: ArrayDataset, loss_of: Any, accuracy: bool, compile: bool = False) -> Any:
    """The same through `fit`."""
    metrics = ["accuracy"] if accuracy else []
    tg.fit(
        model, samples, epochs=EPOCHS, batch_size=BATCH, loss=loss_of, metrics=metrics, progress=False, compile=compile
    )
    return model


def by_program(model: Any, samples: ArrayDataset, loss_of: Any, accuracy: bool) -> Any:
    """The same through ``fit(compile=True)``; building the program counts."""
    return by_fit(model, samples, loss_of, accuracy, compile=True)


def compare(case: Case, turns: int) -> dict[str, float]:
    """Seconds of both ways for an update, and their ratio, as medians over the turns."""
    make, *rest = case
    updates = EPOCHS * -(-len(rest[0]) // BATCH)
    ways = (by_hand, by_fit, by_program)
    times: dict[Any, list[float]] = {way: [] for way in ways}
    found: dict[Any, Any] = {}
    for turn in range(turns + 1):
        for way in (*ways[turn % 3 :], *ways[: turn % 3]):
            model = make()
            model.train()
            began = process_time()
            found[way] = way(model, *rest)
            if turn:  # the first one fetches memory and code
                times[way].append((process_time() - began) / updates)
    weights = [found[way].state_dict() for way in ways]
    if not all(np.array_equal(weights[0][name], other[name]) for other in weights for name in weights[0]):
        raise AssertionError("fit and the loop by hand end with different weights")
    shares = {way: median([b / a for a, b in zip(times[by_hand], times[way], strict=True)]) for way in ways}
    return {"hand": median(times[by_hand]), "fit": median(times[by_fit]), "program": median(times[by_program]),
            "ratio": shares[by_fit], "program ratio": shares[by_program]}  # fmt: skip


def table(turns: int = 15) -> str:
    """All cases, a row each."""
    lines = ["| training | by hand | fit | ratio | compiled | ratio |", "|---|---|---|---|---|---|"]
    for name, case in cases().items():
        found = compare(case, turns)
        hand, fit, program = (f"{1e6 * found[way]:.0f} µs" for way in ("hand", "fit", "program"))
        lines.append(f"| {name} | {hand} | {fit} | {found['ratio']:.3f} | {program} | {found['program ratio']:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(*map(int, sys.argv[1:])))
