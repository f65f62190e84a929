"""tinygrad_cnn: convolutional networks as tensor expressions, with gradients of every order.

    import tinygrad_cnn as tg

    x = tg.randn(8, 28, 28, 1, rng=0)
    w = tg.randn(3, 3, 1, 16, rng=1, requires_grad=True, name="w")
    loss = tg.relu(tg.conv2d(x, w, padding="same")).mean()
    loss.backward()                     # w.grad
    tg.draw(loss).render("graph.svg")   # the picture
    tg.testing.check_op(tg.conv2d)      # the proof

What is not needed at once (layers, data, drawing) is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .autodiff import (
    Sample,
    checkpoint,
    debug,
    explain_grad,
    fork_rng,
    get_default_dtype,
    get_rng_state,
    hessian,
    hvp,
    jacobian,
    jvp,
    manual_seed,
    set_default_dtype,
    set_rng_state,
    stop_gradient,
    value_and_grad,
    vjp,
)
from .autodiff import foreign as _foreign
from .core import GraphError, Op, Tensor, enable_grad, grad, no_grad, op, registry, scope
from .core.register import hooks as _hooks
from .kernels import use_kernels
from .kernels.native import empty_cache, get_num_threads, set_num_threads
from .kernels.precision import get_float32_precision, set_float32_precision
from .ops import *
from .ops import __all__ as _ops
from .ops import linalg
from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import data, detection, distributed, graphs, insight, io, models, nn, onnx, optim, plots, testing, viz
    from . import train as train
    from .graphs import draw, draw_diff
    from .insight import AnomalyError, Explanation, Profile, Summary, anomaly, doctor, explain, profile, summary
    from .io import load, save
    from .nn import functional_call, per_sample_grad, per_sample_grad_norm
    from .pages.report.writing import report
    from .program import CompileError, compile
    from .train import History, evaluate, fit, predict
    from .train.run_folder import Run

_LATER = (
    "data", "detection", "distributed", "graphs", "insight", "io", "models", "nn", "onnx", "optim", "plots", "testing",
    "train", "viz",
)  # fmt: skip
_LATER_NAMES = {  # public name -> the package to import it from when it is first used
    name: module
    for module, names in {
        ".io": "save load",
        ".nn": "functional_call per_sample_grad per_sample_grad_norm",
        ".graphs": "draw draw_diff",
        ".train": "fit evaluate predict History Run",
        ".insight": "summary Summary profile Profile anomaly AnomalyError doctor explain Explanation",
        ".pages.report": "report",
        ".program": "compile CompileError",
    }.items()
    for name in names.split()
}

__all__ = [
    "AnomalyError", "CompileError", "Explanation", "GraphError", "History", "Op", "Profile", "Run", "Sample", "Summary",
    "Tensor", "anomaly", "checkpoint", "compile", "data", "debug", "detection", "distributed", "doctor", "draw",
    "draw_diff", "empty_cache", "enable_grad", "evaluate", "explain", "explain_grad", "fit", "fork_rng",
    "functional_call", "get_default_dtype", "get_float32_precision", "get_num_threads", "get_rng_state", "grad",
    "graphs", "hessian", "hvp", "insight", "io", "jacobian", "jvp", "linalg", "load", "manual_seed", "models", "nn",
    "no_grad", "onnx", "op", "optim", "per_sample_grad", "per_sample_grad_norm", "plots", "predict", "profile",
    "registry", "report", "save", "scope", "set_default_dtype", "set_float32_precision", "set_num_threads",
    "set_rng_state", "stop_gradient", "summary", "testing", "use_kernels", "value_and_grad", "viz", "vjp",
    *_ops,
]  # fmt: skip


if not TYPE_CHECKING:  # or checkers would accept any name

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return import_module(f".{name}", __name__)
        if name in _LATER_NAMES:
            return getattr(import_module(_LATER_NAMES[name], __name__), name)
        raise _foreign.error(f"module {__name__!r}", "tg", name, lambda: __all__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _later(module: str, path: str) -> Any:
    """A function that imports `module` when it is called, and passes the call on to what `path` names there."""

    def call(*args: Any, **options: Any) -> Any:
        return attrgetter(path)(import_module(module, __name__))(*args, **options)

    return call


_hooks.update(
    front=lambda: import_module(__name__),
    html=_later(".graphs", "html_of"),
    summary=_later(".insight", "summary"),
    open_run=_later(".train", "Run.open"),
    replay=_later(".train.replay", "replay"),
)
