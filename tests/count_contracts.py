"""Count what the contracts compare, by kind: ``python tests/count_contracts.py`` runs them all and prints a table."""

import inspect
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import tinygrad_cnn as tg
from tests.kernels.test_contracts import BACKENDS, check_kernel
from tinygrad_cnn import kernels, nn, optim, plots
from tinygrad_cnn.plots.examples import PICTURES
from tinygrad_cnn.testing import check_layer, check_op, check_optimizer, check_picture, check_schedule


def classes(package, base, leave_out=()):
    """The classes that a package exports below a base."""
    found = [v for v in vars(package).values() if inspect.isclass(v) and issubclass(v, base) and v is not base]
    return [cls for cls in found if cls.__name__ not in leave_out]


def own_ops():
    return [op for op in tg.registry.values() if op.fn.__module__.startswith("tinygrad_cnn.")]


KINDS = {
    "op": lambda: [check_op(op).checks for op in own_ops()],
    "layer": lambda: [
        check_layer(cls).checks for cls in classes(nn, nn.Module, ("ModuleList", "ModuleDict", "Sequential"))
    ],
    "optimiser": lambda: [check_optimizer(cls).checks for cls in classes(optim, optim.Optimizer, ("LBFGS",))],
    "schedule": lambda: [check_schedule(cls).checks for cls in classes(optim, optim.Schedule)],
    "kernel": lambda: [
        sum(check_kernel(name, backend, dtype) for backend in BACKENDS for dtype in (np.float32, np.float64))
        for name in kernels._names
    ],
    "picture": lambda: [check_picture(fn).checks for name, fn in PICTURES.items() if hasattr(plots, name)],
}

if __name__ == "__main__":
    print(f"{'kind':10} {'members':>8} {'checks':>8} {'seconds':>8}")
    for kind, run in KINDS.items():
        began = time.perf_counter()
        counts = run()
        print(f"{kind:10} {len(counts):8} {sum(counts):8} {time.perf_counter() - began:8.1f}", flush=True)
