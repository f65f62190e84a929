"""``python -m benchmarks.ranks WHAT``: print a table of docs/distributed.md, or draw its picture.

accuracy    LeNet on Fashion-MNIST on 4 ranks: plain data-parallel training and local_steps=16, over seeds
scaling     updates a second on 1, 2 and 4 ranks, the share of communication, and projections
picture     a training of 8 ranks of which 5 die, as docs/images/ranks.png
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from ..machine import cpu
from .launching import ROOT, launched, table

TCP = ("--mca", "btl", "self,tcp", "--mca", "pml", "ob1")  # what ranks of several machines use
RANKS = (1, 2, 4)
NETWORKS = {"lenet": 256, "resnet8": 64}  # and the batch of an update: of all ranks together, or of each


def machine() -> str:
    """What the figures belong to."""
    return f"{cpu()}, {os.cpu_count()} cores, one thread a rank"


def accuracy(epochs: int, seeds: int) -> None:
    """Print the accuracies of both ways."""
    rows: list[dict[str, Any]] = []
    for local_steps in (1, 16):
        settings = {"epochs": epochs, "batch": 128, "local_steps": local_steps}
        found = [launched(4, "accuracy", seed=seed, **settings)["accuracy"] for seed in range(seeds)]
        rows.append({
            "exchange": "every update" if local_steps == 1 else f"every {local_steps} updates",
            **{f"seed {seed}": f"{100 * value:.2f} %" for seed, value in enumerate(found)},
            "mean": f"{100 * mean(found):.2f} %",
        })  # fmt: skip
    print(f"LeNet on Fashion-MNIST, 4 ranks, batch 128, {epochs} epochs, accuracy on the test part ({cpu()}):\n")
    print(table(rows))


def seconds_of_exchange(ranks: int, size: float, latency: float, bandwidth: float) -> float:
    """The model: halving and doubling, 2 log2(n) messages; each rank sends and receives 2 (n-1)/n of the bytes.

    `latency` and `bandwidth` are of an exchange between two ranks, which has 2 messages and as many bytes as the array.
    """
    return math.log2(ranks) * latency + 2 * (ranks - 1) / ranks * size / bandwidth


def scaling(updates: int, networks: dict[str, int]) -> None:
    """Print times of updates, and what the model makes of them."""
    print(f"{machine()}:\n")
    rows: list[dict[str, Any]] = []
    alone: dict[tuple[str, str], Any] = {}
    for model, batch in networks.items():
        for kind in ("strong", "weak"):
            for ranks in RANKS:
                each = batch // ranks if kind == "strong" else batch
                found = launched(ranks, "steps", batch=each, model=model, updates=updates)
                alone.setdefault((model, kind), found)
                speed = alone[model, kind]["update"] / found["update"] * (1 if kind == "strong" else ranks)
                rows.append({
                    "network": model, "scaling": kind, "ranks": ranks, "batch a rank": each,
                    "update": f"{found['update']:.1f} ms", "speed-up": f"{speed:.2f}",
                    "communication": f"{100 * found['exchange'] / found['update']:.0f} %",
                })  # fmt: skip
    print(table(rows), end="\n\n")
    memory, tcp = launched(2, "steps"), launched(2, "steps", *TCP)
    for name, found in (("shared memory", memory), ("TCP on this machine", tcp)):
        print(f"{name}: {1e6 * found['latency']:.0f} us, {found['bandwidth'] / 1e9:.2f} GB/s")
    print()
    projected: list[dict[str, Any]] = []
    for model in networks:
        one = alone[model, "weak"]
        for ranks in (2, 4, 64, 1024):
            sent = 1e3 * seconds_of_exchange(ranks, 4 * one["parameters"], tcp["latency"], tcp["bandwidth"])
            projected.append({
                "network": model, "ranks": ranks, "exchange": f"{sent:.2f} ms",
                "efficiency": f"{100 * one['update'] / (one['update'] + sent):.0f} %",
                "local_steps=16": f"{100 * one['update'] / (one['update'] + sent / 16):.0f} %",
            })  # fmt: skip
    print(table(projected))


def picture(updates: int) -> None:
    """Draw the losses of a training whose ranks die."""
    from matplotlib import pyplot

    ranks = 8
    deaths = {str(rank): updates * share // 10 for rank, share in ((3, 2), (0, 4), (6, 5), (5, 7), (1, 8))}
    with tempfile.TemporaryDirectory() as folder:
        end = launched(
            ranks, "dying", "--with-ft", "ulfm", folder=folder, updates=updates, batch=16, deaths=deaths, timeout=300
        )
        losses = [
            [json.loads(line)[1] for line in Path(folder, f"{rank}.jsonl").read_text(encoding="utf-8").splitlines()]
            for rank in range(ranks)
        ]
    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(8, 5), sharex=True, height_ratios=(3, 2), layout="constrained"
    )
    high = max(map(max, losses))
    grid = [one + [float("nan")] * (updates - len(one)) for one in losses]
    drawn = above.imshow(
        grid, aspect="auto", cmap="viridis_r", vmin=0, vmax=high, interpolation="nearest",
        extent=(0.5, updates + 0.5, ranks - 0.5, -0.5),
    )  # fmt: skip
    above.plot([*deaths.values()], [int(rank) for rank in deaths], "rx", markersize=10, markeredgewidth=3, ls="none")
    above.set(ylabel="rank", yticks=range(ranks), title=f"{ranks} ranks, {len(deaths)} killed (red), none waited for")
    figure.colorbar(drawn, ax=above, label="loss of its batch")
    alive = [[one[k] for one in losses if k < len(one)] for k in range(updates)]
    below.plot(range(1, updates + 1), [mean(now) for now in alive], color="black", label="mean loss")
    for at in deaths.values():
        below.axvline(at, color="red", lw=1)
    below.set(xlabel="update", ylabel="mean loss", ylim=(0, None))
    path = ROOT / "docs" / "images" / "ranks.png"
    figure.savefig(path, dpi=110)
    print(f"{path.relative_to(ROOT)}: {end['left']} of {ranks} ranks left, accuracy {end['accuracy']:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ranks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["accuracy", "scaling", "picture"])
    parser.add_argument("--epochs", type=int, default=5, help="of accuracy")
    parser.add_argument("--seeds", type=int, default=3, help="of accuracy")
    parser.add_argument("--network", choices=[*NETWORKS], help="of scaling; both without it")
    parser.add_argument("--updates", type=int, help="of scaling (30) and picture (300)")
    given = parser.parse_args()
    if given.what == "accuracy":
        accuracy(given.epochs, given.seeds)
    elif given.what == "scaling":
        scaling(given.updates or 30, {given.network: NETWORKS[given.network]} if given.network else NETWORKS)
    else:
        picture(given.updates or 300)
