"""check_layer: the contracts that every layer keeps, on samples that stand in its class."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.sample import LayerSample
from ..core.engine import grad
from ..core.modes import no_grad
from ..core.tensor import Tensor
from ..graphs import draw
from ..insight import summary
from ..nn import Module
from ..optim import SGD
from .case import require, same
from .contract_report import ContractError, ContractReport, run_all
from .gradient_check import gradcheck


class _Case:
    """One sample of a layer."""

    def __init__(self, cls: type[Module], sample: LayerSample) -> None:
        self.cls, self.sample = cls, sample
        self.inputs = sample.draw()

    def layer(self, seed: int = 0) -> Module:
        """A layer as it is made, but that draws with generators of its own."""
        made: Module = self.sample.make(self.cls, seed)
        return made

    def tensors(self, dtype: Any = np.float32) -> list[Any]:
        """The inputs as Tensors; floating ones require a gradient."""
        inputs = self.sample.draw(dtype=dtype)
        return [Tensor(a, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in inputs]


def _outputs(y: Any) -> list[Any]:
    """All arrays or Tensors of a result."""
    return [v for part in y for v in _outputs(part)] if isinstance(y, (tuple, list)) else [y]


def _arrays(y: Any) -> list[np.ndarray]:
    return [v.data if isinstance(v, Tensor) else np.asarray(v) for v in _outputs(y)]


def _alike(got: Any, want: Any, what: str) -> int:
    """Refuse results that are not the same to the bit."""
    for a, b in zip(_arrays(got), _arrays(want), strict=True):
        same(a, b, what)
    return len(_arrays(got))


def arrays_equal_tensors(case: _Case) -> int:
    """Arrays and Tensors give the same values."""
    return _alike(case.layer()(*case.tensors()), case.layer()(*case.inputs), "Tensors and arrays differ")


def train_and_eval(case: _Case) -> int:
    """`train` and `eval` reach every module below; in eval mode a call changes nothing and can be repeated."""
    layer = case.layer()
    for mode in (False, True):
        layer.train(mode)
        wrong = [name for name, module in layer.named_modules() if module.training is not mode]
        require(not wrong, f"train({mode}) did not reach {', '.join(wrong)}.")
    layer.eval()
    before = copy.deepcopy(layer.state_dict())
    first = layer(*case.inputs)
    _alike(layer(*case.inputs), first, "two calls in eval mode differ")
    for name, value in layer.state_dict().items():
        same(value, before[name], f"a call in eval mode changed {name}")
    return 3 + len(before)


def state_round_trip(case: _Case) -> int:
    """What `state_dict` holds makes another layer give the same results."""
    one, other = case.layer(0), case.layer(1)
    one(*case.inputs)  # moves running statistics
    other.load_state_dict(one.state_dict())
    return _alike(other.eval()(*case.inputs), one.eval()(*case.inputs), "after load_state_dict the results differ")


def copies(case: _Case) -> int:
    """Copies and pickled copies give the same results, and share nothing."""
    layer = case.layer()
    want = case.layer()(*case.inputs)
    for how, made in (("deepcopy", copy.deepcopy(layer)), ("pickle", pickle.loads(pickle.dumps(layer)))):
        _alike(made(*case.inputs), want, f"after {how} the results differ")
        for p in made.parameters():
            p.assign(np.zeros_like(p.data))
    _alike(layer(*case.inputs), want, "a change to a copy reached the layer")
    return 3


def readable(case: _Case) -> int:
    """Its repr begins with the name of its class and holds no address; its class says what it does."""
    text = repr(case.layer())
    require(text.startswith(case.cls.__name__) and " at 0x" not in text, f"its repr is {text}.")
    require(case.cls.__doc__, "its class has no docstring.")
    return 2


def gradients_arrive(case: _Case) -> int:
    """Every parameter and every floating input gets a gradient, which agrees with differences."""
    layer, xs = case.layer(), case.tensors()
    ys = [y for y in _outputs(layer(*xs)) if isinstance(y, Tensor) and y.requires_grad]
    named = dict(layer.named_parameters())
    floating = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
    if not named and not ys:
        return 0
    weights = [np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype) for y in ys]
    found = grad(ys, [*named.values(), *floating], grad_outputs=weights, allow_unused=True)
    for name, g in zip(named, found, strict=False):
        require(g is not None, f"the parameter {name} gets no gradient: forward does not use it.")
    layer = case.layer().eval().to(np.float64)
    inputs = case.sample.draw(dtype=np.float64)
    moving = [k for k, a in enumerate(inputs) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]

    def f(*values: Any) -> Any:
        given = dict(zip(moving, values, strict=True))
        return _outputs(layer(*[given.get(k, a) for k, a in enumerate(inputs)]))[0]

    return len(named) + (gradcheck(f, [inputs[k] for k in moving]).checks if moving else 0)


def keeps_dtypes(case: _Case) -> int:
    """float32 gives float32, and a layer in float64 gives float64."""
    count = 0
    for dtype in (np.float32, np.float64):
        for y in _arrays(case.layer().to(dtype)(*case.sample.draw(dtype=dtype))):
            require(y.dtype.kind != "f" or y.dtype == dtype, f"{np.dtype(dtype)} in, {y.dtype} out.")
            count += 1
    return count


def shown(case: _Case) -> int:
    """Summaries and drawings take it, and leave it as it was."""
    layer = case.layer()
    before = copy.deepcopy(layer.state_dict())
    flags = [module.training for module in layer.modules()]
    if any(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in case.inputs) and len(case.inputs) == 1:
        require(str(summary(layer, case.inputs[0])), "its summary is empty.")
    if case.layer()(*case.tensors()) is not None and draws_something(case):
        require("digraph" in draw(layer, *case.inputs).source, "its drawing is empty.")
    for name, value in layer.state_dict().items():
        same(value, before[name], f"a summary or a drawing changed {name}")
    require(flags == [module.training for module in layer.modules()], "a summary or a drawing changed its mode.")
    return 2 + len(before)


def draws_something(case: _Case) -> bool:
    """Whether its result has a history to draw."""
    return any(isinstance(y, Tensor) and y.node.op is not None for y in _outputs(case.layer()(*case.tensors())))


def refuses_words(case: _Case) -> int:
    """A word in place of an array is refused with a TypeError or ValueError that says what was given."""
    try:
        with no_grad():
            case.layer()("a word", *case.inputs[1:])
    except (TypeError, ValueError) as error:
        require("str" in str(error) or "word" in str(error), f"its message does not say what was given: {error}")
        return 1
    require(case.cls.__name__ in ("Identity",), "a string was taken for an array.")
    return 1


def freezes(case: _Case) -> int:
    """Frozen, a step of training in train mode changes no parameter and no buffer; afterwards it can be trained."""
    layer, xs = case.layer(), case.tensors()
    before = layer.freeze().train().state_dict()
    ys = [y for y in _outputs(layer(*xs)) if isinstance(y, Tensor) and y.requires_grad]
    parameters = list(layer.parameters())
    wrong = [p.name for p in parameters if p.requires_grad]
    require(not wrong, f"freeze did not reach {', '.join(map(str, wrong))}.")
    if ys:
        reduce(add, [y.sum() for y in ys]).backward()
    if parameters:
        SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1).step()
    for name, value in layer.state_dict().items():
        same(value, before[name], f"a step of training changed {name} of a frozen layer")
    layer.unfreeze()
    require(all(p.requires_grad for p in layer.parameters()), "unfreeze did not reach all parameters.")
    require(all(m.training for m in layer.modules()), "unfreeze did not bring training behaviour back.")
    return 3 + len(before)


CONTRACTS: dict[str, Callable[[_Case], int]] = {
    "arrays equal Tensors": arrays_equal_tensors,
    "train and eval": train_and_eval,
    "state_dict round trip": state_round_trip,
    "copies": copies,
    "readable": readable,
    "gradients arrive": gradients_arrive,
    "dtypes stay": keeps_dtypes,
    "freezing": freezes,
    "summary and drawing": shown,
    "words are refused": refuses_words,
}


@named
def check_layer(cls: type[Module], samples: Sequence[LayerSample] | None = None) -> ContractReport:
    """Run all contracts of a class of layers on samples: those given, or those in its attribute ``samples``.

    Raises
    ------
    ContractError : one is broken, or there are no samples; the message names the layer, the contract and the sample.

    Examples
    --------
    >>> print(tg.testing.check_layer(nn.Linear))
    Linear: ... checks hold
        ...  arrays equal Tensors
    ...
    """
    if not (inspect.isclass(cls) and issubclass(cls, Module)):
        raise TypeError(f"check_layer: expected a class of layers, such as nn.Linear, got {cls!r}.")
    name = cls.__name__
    chosen = getattr(cls, "samples", None) if samples is None else samples
    if not chosen:
        raise ContractError(
            f"{name}: there are no samples to check it with. Write in the class, for example, "
            f"samples = [LayerSample((3, 2), x=(4, 3))]: arguments of {name}, then inputs."
        )
    return run_all(name, CONTRACTS, chosen, partial(_Case, cls))
