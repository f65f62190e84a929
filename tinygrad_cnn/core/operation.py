"""The Op object: a forward on raw arrays, and one rule per differentiable input.

A rule is a function of *names*: ``g``, the cotangent of the output, and what else it needs: the op's inputs, ``y`` (the
output), ``x_shape`` and ``x_dtype`` of an input x, ``y_shape``, parameters, side results (`aux`), and ``**p`` for all
other parameters.  The signature is read once, at registration; a node saves exactly those names and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .binding import PLAIN, REQUIRED, bind, signature_of
from .compiled import OpBase, core, lend
from .errors import nearest
from .graph import Leaf, Node, clock, constant
from .modes import _modes, current
from .register import hooks, observers, registry
from .rules import Plan, plan_for, read
from .site import here, is_ours
from .tensor import Tensor, as_array, new, wrap

ndarray = np.ndarray
# what else may be said of an op, with defaults; more in autodiff
FACTS: dict[str, Any] = {"samples": (), "ref": None, "numpy": ()}
READY = (ndarray, bool, int, float)  # inputs that are taken as they are, beside None for one that may be left out


class Op(OpBase):
    """A differentiable operation.  Call it with arrays and it returns an array; with Tensors, it records."""

    surrogates: frozenset[str] = frozenset()  # inputs whose rules are not derivatives, on purpose

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        name: str,
        params: Sequence[str] = (),
        aux: Sequence[str] = (),
        broadcasts: bool = False,
        selectors: Sequence[str] = (),
        arrange: Callable[..., Any] | None = None,
        composition: Callable[..., Any] | None = None,
        effects: Sequence[str] = (),
        floating: Sequence[str] = (),
        over: Callable[..., Any] | None = None,
        **facts: Any,
    ) -> None:
        self.over = over
        self.fn, self.name, self.aux, self.broadcasts, self.effects = fn, name, tuple(aux), broadcasts, tuple(effects)
        self.composition, self.arrange, self.selectors = composition, arrange, tuple(selectors)
        self.cost_rule = facts.pop("cost", None)
        if odd := facts.keys() - FACTS.keys():
            raise TypeError(f"op {name}: unknown option {min(odd)!r}.{nearest(min(odd), FACTS)}")
        vars(self).update({**FACTS, "ref": composition, **facts})
        self.rules: dict[str, Callable[..., Any]] = {}
        self.formulas: dict[str, tuple[Any, str]] = {}  # what a rule computes, with the rule; under "y", the result
        self.plans: dict[Any, Plan] = {}
        self.__name__ = self.__qualname__ = name
        self.__module__, self.__doc__, self.__wrapped__ = fn.__module__, fn.__doc__, fn
        vars(self).update(signature_of(fn, name, params, aux, effects))
        self.lasting = tuple(k for k in self.defaults if k not in effects)  # the parameters that nodes keep
        self.spare = sum([1 << k for k, name in enumerate(self.inputs) if name in self.optional])  # mask: may be None
        self.flows = ~sum([1 << k for k, name in enumerate(self.inputs) if name in selectors])  # mask of the others
        self.floats = sum([1 << k for k, name in enumerate(self.inputs) if name in floating])  # and of these

    if TYPE_CHECKING:  # the methods that autodiff.methods binds

        def __getattr__(self, name: str) -> Any: ...

        def __call__(self, *args: Any, **params: Any) -> Any: ...

    def record(self, *args: Any, **params: Any) -> Any:
        """Call the op; of Tensors, the result is a Tensor that remembers the call.  This is what ``op(...)`` does."""
        arrays: list[Any] = []
        try:
            if len(args) != self.arity or params or self.required:
                args, params = bind(self, args, params)
            else:
                params = self.defaults
            edges: list[Any] = []
            mask, bit, traced, loose, shaped = 0, 1, False, False, False
            for a in args:
                if isinstance(a, Tensor):
                    node = a.node
                    arrays.append(a._data)
                    edges.append(node)
                    traced = True
                    if node.requires_grad:
                        mask |= bit
                else:
                    if type(a) not in READY and (a is not None or not bit & self.spare):
                        a = hooks["scalar"](self, as_array(a, self.name), args)
                    shaped |= type(a) is ndarray
                    arrays.append(a)
                    edges.append(None)
                    loose = True
                bit <<= 1
            if self.floats & ~mask or (loose and not (self.broadcasts and (mask or (shaped and not traced)))):
                arrays, shaped = hooks["numbers"](self, arrays, shaped, loose)
            if observers:
                y = hooks["observed"](self, args, arrays, params)
            else:
                y = self.fn(*arrays, **params)
            side: Any = ()
            if self.aux:
                y, *side = y
            if type(y) is not ndarray:
                y = hooks["result"](self, y, traced)
            if not traced:
                return y
            modes = current()
            mask &= self.flows
            if not mask or not modes.recording or y.dtype.kind != "f":
                return wrap(y, constant(y, edges, unrecorded=bool(mask) and not modes.recording))
            pattern = mask if self.arity >= 0 else (mask, len(args))
            plan = self.plans.get(pattern) or plan_for(self, pattern, mask, len(args))
            if shaped:  # drawings and costs want the shapes of plain arrays too
                edges = [
                    e or (Leaf(a.shape, a.dtype) if isinstance(a, ndarray) else None)
                    for e, a in zip(edges, arrays, strict=True)
                ]
                marked = hooks["guard"](plan.watch, args, arrays, edges)
            node = Node(
                self, tuple(edges), {name: params[name] for name in self.lasting} if self.effects else params,
                plan, plan.save(arrays, y, params, side), y.shape, y.dtype, clock.now, modes.path, here(),
            )  # fmt: skip
            if shaped and marked:
                node.marked = True
            t = new(Tensor)  # wrap, without the cost of a call
            t._data, t.node = y, node
            return t
        except BaseException as error:
            hooks["failed"](self, error, args, params, arrays)
            raise

    def _failed(self, error: BaseException, *call: Any) -> None:
        """Raise what C met in a call, as `record` does."""
        try:
            raise error
        except BaseException as error:
            hooks["failed"](self, error, *call)
            raise

    def input(self, k: int) -> str:
        """Return the name of input number k."""
        name: str = self.inputs[min(k, self.last)]
        return name

    def vjp(self, *, surrogate: Any = False, **rules: Callable[..., Any]) -> Op:
        """Register (or replace) the rule of one or more inputs: ``my_op.vjp(x=lambda g, x: g * cos(x))``.

        With ``surrogate=True`` a rule is not the derivative, on purpose, as in a straight-through estimator: checks do
        not compare it with differences, but ask all else of it.
        """
        for name, rule in rules.items():
            if name not in self.inputs and name != "g":
                raise TypeError(f"{self.name}.vjp: {name!r} is not an input; the inputs are {', '.join(self.inputs)}.")
            read(self, name, 0, rule)  # a misspelt name fails here, not in the first backward
        self.rules.update(rules)
        self.surrogates = self.surrogates | {*rules} if surrogate else self.surrogates - {*rules}
        self.plans.clear()
        registry.changes += 1
        return self


if core is None:
    Op.__call__ = Op.record  # type: ignore[method-assign]  # the twin calls it where a call is not a common one


def op(fn: Callable[..., Any] | None = None, *, name: str | None = None, **options: Any) -> Any:
    """Register a function on raw arrays as an op; a decorator.

    Positional arguments are inputs (give None as default to one that may be left out, ``*xs`` for any number),
    keyword-only arguments are parameters.

    Parameters
    ----------
    name : of the op, if not the function's.
    params : names of positional arguments that are parameters, as the window in ``max_pool2d(x, window)``.
    aux : names of integer or boolean side results; the function then returns ``(y, *aux)``, callers get y alone.
    broadcasts : True if inputs of different shapes are broadcast by NumPy's rule; the engine sums gradients back.
    selectors : names of floating inputs that only choose, as x in ``dy * (x > 0)``: no gradient flows to them.
    arrange : a function of the inputs and parameters as they were written, ``arrange(*inputs, **parameters)``, that
        returns both sorted anew: ``(inputs, parameters)``.  It makes inputs of arrays inside a parameter.
    samples : some `tg.testing.Sample`, with which every contract is tested.
    ref : a slow or independent function of the same arguments that gives the same result.
    cost : a function of ``x_shape``, ``y_shape`` and parameters, by name, that gives FLOP; default: output elements.
    numpy : NumPy functions that mean this op, so that ``np.exp(tensor)`` reaches it.
    composition : for a fused op, the function of other ops that it equals.  Its rules then serve the first order
        only, on plain arrays, and may use floating side results; higher orders differentiate the composition.
    linear : names of inputs in which the op is linear, piece by piece, with no more rounding than its numbers need:
        for whole numbers, the check of its gradients then has no tolerance.  See `tg.testing.gradcheck(exact=True)`.
    branches : a function of inputs, y, parameters or side results, by name, that says which piece of the op each
        element is on, as ``lambda x: x > 0``: an array of booleans or whole numbers, or a tuple of some.  Checks of
        gradients then stay on one piece.
    floating : names of inputs whose whole numbers and booleans become floating-point numbers before the function gets
        them: of the dtype of the other inputs named here, or of float32 if all of these are whole numbers.
    effects : names of parameters that the function calls or changes, such as a random generator.  The function gets
        them; nodes, rules and the composition at higher orders do not, so nothing is called or changed a second time.
    over : a function of the same arguments that writes the result over the first input, and returns it.  The compiled
        core calls it in place of the op's function where nobody else can see that input, as in ``relu(conv2d(x, w))``.
    stacks : how the op treats inputs with one more axis in front, by a function of `autodiff.batching`; Jacobians then
        take many rows at once.  Ops that broadcast need none; of any other without it, row after row is computed.
    per_sample, per_sample_squares : rules by input, as in `vjp`, for what each sample contributes to a gradient, and
        for sums of squares of that; see `autodiff.by_sample`.  Without them the own rule is called for each sample.

    Raises
    ------
    ValueError : the name is taken by an op from somewhere else, or an effect is not a parameter.

    Examples
    --------
    >>> @tg.op(samples=[tg.Sample(x=(2, 3))], ref=lambda x: x**3)
    ... def cube(x):
    ...     'x cubed.  x (...) -> (...)'
    ...     return x * x * x
    >>> cube.vjp(x=lambda g, x: 3 * g * x * x)
    <op cube(x)>
    >>> tg.testing.check_op(cube).kept  # all is well; x is kept for the gradient
    ('x',)
    """
    if fn is None:
        return lambda f: _register(Op(f, name=getattr(f, "__name__", "") if name is None else name, **options))
    return _register(Op(fn, name=getattr(fn, "__name__", "") if name is None else name, **options))


def _register(made: Op) -> Op:
    old = registry.get(made.name)
    if old is not None and (old.fn.__module__, old.fn.__qualname__) != (made.fn.__module__, made.fn.__qualname__):
        remedy = f"Choose another name with name=..., or remove the old one with tg.registry.pop({made.name!r})."
        raise ValueError(f"op {made.name!r} is registered already, by {old.fn.__module__}. {remedy}")
    registry[made.name] = made
    registry.changes += 1
    registry.of_numpy.update(dict.fromkeys(made.numpy, made))
    return made


def _unpacked(y: Any) -> tuple[Any, ...]:
    """A result and its side results, of a function that returned something other than a tuple."""
    y, *side = y
    return y, *side


lend(
    Op=Op, ndarray=ndarray, registry=registry, hooks=hooks, observers=observers, modes=_modes, record=Op.record,
    failed=Op._failed, unpacked=_unpacked, plain_types=PLAIN, required=REQUIRED, plan_for=plan_for, shape_of=np.shape,
    is_ours=is_ours, floating=tuple([np.dtype(kind) for kind in "fde"]),
    others=tuple([np.dtype(kind) for kind in "?bhilqBHILQ"]),
)  # fmt: skip
