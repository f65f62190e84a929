"""Power and false alarms of gradient checkers: this package's beside PyTorch's, JAX's and HIPS autograd's.

    python -m benchmarks.gradcheck
    python -m benchmarks.gradcheck --python pytorch=/path/to/python --python jax=/path/to/python --into FILE

A *case* is a correct function at a point where it can be differentiated (`cases`), written once with the operations
that every framework has (`sides/`).  A *trial* is a function whose gradient is wrong by a known factor (`power`).  A
*checker* is a gradient checker at its default settings (`CHECKERS`), and runs in a process of its own (`worker`), in
which this folder is loaded by its path.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checker:
    module: str  # of `sides`, which is the name for --python too
    setting: str
    title: str
    entry_by_entry: bool = False  # computes whole Jacobians, whose size is then limited


CHECKERS = {
    "ours": Checker("ours", "", "ours: `tg.testing.gradcheck`"),
    "pytorch": Checker("pytorch", "slow", "PyTorch `gradcheck`", entry_by_entry=True),
    "pytorch-fast": Checker("pytorch", "fast", "PyTorch `gradcheck`, `fast_mode`"),
    "jax": Checker("jax", "", "JAX `check_grads`"),
    "autograd": Checker("autograd", "", "autograd `check_grads`"),
}
