"""The Op object: a forward on raw arrays, and one rule per differentiable input.

A rule is a function of *names*.  Its first argument is ``g``, the cotangent of the output; the others say what it
needs: the op's inputs, ``y`` (the output), ``x_shape`` and ``x_dtype`` of an input x, ``y_shape``, parameters, side
results (`aux`), and ``**p`` for all other parameters.  The signature is read once, at registration; a node saves
exactly those names and nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from . import modes
from .errors import GraphError, located, nearest
from .node import Clock, Leaf, Node, constant
from .observe import Call, observed, observers
from .register import registry
from .sample import Sample
from .tensor import Tensor, as_array, wrap

REQUIRED = inspect.Parameter.empty
ndarray = np.ndarray
state = modes.state
PLAIN = (ndarray, bool, int, float, type(None))


class Rule(NamedTuple):
    """How to pull a cotangent back to one input."""

    k: int  # the input's number
    fn: Callable[..., Any]
    names: tuple[str, ...]  # of its arguments after g
    sources: tuple[Any, ...]  # where each comes from: an input's index, "y", "inputs", or None for what is no array
    rest: tuple[str, ...] | None  # the parameters that **p stands for


class Plan(NamedTuple):
    """The rules that one pattern of differentiable inputs needs, and how to save what they name."""

    rules: tuple[Rule, ...]
    common: Rule | None  # what all rules share, worked out once; they get its result as g
    names: tuple[tuple[str, ...], ...]  # of what is saved: by the common rule, each rule, the composition
    wrt: tuple[int, ...]
    watch: tuple[int, ...]  # inputs whose values are saved
    held: tuple[tuple[int, int], ...]  # which arguments of which rules can be arrays
    save: Callable[..., tuple[tuple[Any, ...], ...]]


class Cost(NamedTuple):
    """Floating-point operations, and bytes read and written, of one call."""

    flop: int
    bytes: int


class Op:
    """A differentiable operation.  Call it with arrays and it returns an array; with Tensors, it records."""

    into: Callable[..., Any]  # add(a, b) into a; only `add` has it, and a faster one may take its place
    own_pull_back: Callable[..., Any] | None = None  # stands in for all rules at once, as in checkpoint

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        name: str,
        params: Sequence[str] = (),
        aux: Sequence[str] = (),
        broadcasts: bool = False,
        samples: Sequence[Sample] = (),
        ref: Callable[..., Any] | None = None,
        cost: Callable[..., Any] | None = None,
        numpy: Sequence[Callable[..., Any]] = (),
        composition: Callable[..., Any] | None = None,
    ) -> None:
        self.fn, self.name, self.aux, self.broadcasts = fn, name, tuple(aux), broadcasts
        self.samples, self.ref, self.cost_rule, self.numpy = tuple(samples), ref or composition, cost, tuple(numpy)
        self.cost_names = tuple(inspect.signature(cost).parameters) if cost is not None else ()
        self.composition = composition
        self.rules: dict[str, Callable[..., Any]] = {}
        self.formulas: dict[str, tuple[Any, str]] = {}  # what a rule computes, with the rule; under "y", the result
        self.plans: dict[Any, Plan] = {}
        self.__name__ = self.__qualname__ = name
        self.__module__, self.__doc__, self.__wrapped__ = fn.__module__, fn.__doc__, fn
        positional, self.optional, self.defaults, self.variadic = [], {}, {}, False
        for p in inspect.signature(fn).parameters.values():
            self.variadic |= p.kind is p.VAR_POSITIONAL
            if p.kind is p.KEYWORD_ONLY or p.name in params:
                self.defaults[p.name] = p.default
            else:
                positional.append(p.name)
                if p.default is not REQUIRED:
                    self.optional[p.name] = p.default
        self.inputs, self.positional = tuple(positional), tuple(params)
        self.required = tuple(k for k, v in self.defaults.items() if v is REQUIRED)
        self.arity = -1 if self.variadic else len(self.inputs)
        if clash := {"g", "y", "i"} & {*self.inputs, *self.defaults, *self.aux}:
            raise ValueError(f"op {name}: {', '.join(sorted(clash))} is a name that rules reserve; call it otherwise.")

    def __repr__(self) -> str:
        return f"<op {self.name}{_bare(self.fn)}>"

    def __call__(self, *args: Any, **params: Any) -> Any:
        if len(args) != self.arity or self.required or (params and not params.keys() <= self.defaults.keys()):
            args, params = self._bind(args, params)
        else:
            params = {**self.defaults, **params} if params else self.defaults
        arrays: list[Any] = []
        edges: list[Any] = []
        mask, bit, traced, loose = 0, 1, False, False
        for a in args:
            if isinstance(a, Tensor):
                node = a.node
                arrays.append(a._data)
                edges.append(node)
                traced = True
                if node.requires_grad:
                    mask |= bit
            else:
                if type(a) not in PLAIN:
                    a = as_array(a, self.name)
                arrays.append(a)
                edges.append(None)
                loose = True
            bit <<= 1
        if loose and not self.broadcasts:  # no other array to lend a Python number its dtype
            arrays = [np.asarray(a) if type(a) in (bool, int, float) else a for a in arrays]
        try:
            y = self.fn(*arrays, **params) if not observers else self._observed(args, arrays, params)
        except Exception as error:
            names = self.inputs if not self.variadic else [f"{self.inputs[0]}[{k}]" for k in range(len(arrays))]
            worded = located(error, self.name, state.path, dict(zip(names, arrays, strict=True)) | params)
            if worded is error:
                raise
            raise worded from error
        side: Any = ()
        if self.aux:
            y, *side = y
        if not traced:
            return y
        if type(y) is not ndarray and isinstance(y, np.generic):
            y = np.asarray(y)
        if not mask or not state.recording or y.dtype.kind != "f":
            return wrap(y, constant(y, edges, unrecorded=bool(mask) and not state.recording))
        pattern = mask if self.arity >= 0 else (mask, len(args))
        plan = self.plans.get(pattern) or self._plan(pattern, mask, len(args))
        if loose:  # drawings and costs want the shapes of plain arrays too
            edges = [
                e or (Leaf(a.shape, a.dtype) if isinstance(a, ndarray) else None)
                for e, a in zip(edges, arrays, strict=True)
            ]
        return wrap(
            y,
            Node(
                self, edges, params, plan, plan.save(arrays, y, params, side), y.shape, y.dtype,
                Clock.now, state.path, modes.here(),
            ),
        )  # fmt: skip

    def _observed(self, args: Any, arrays: list[Any], params: dict[str, Any]) -> Any:
        return observed(Call(self, args, arrays, params), lambda: self.fn(*arrays, **params))

    def _bind(self, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort what was passed into inputs and parameters; the slow path, and the one that words mistakes."""
        if self.variadic:
            if len(args) >= 1 and isinstance(args[0], (list, tuple)):  # concatenate([a, b]) as NumPy writes it
                args, more = tuple(args[0]), args[1:]
            else:
                more = ()
        else:
            args, more = args[: len(self.inputs)], args[len(self.inputs) :]
            inputs = list(args)
            for name in self.inputs[len(args) :]:
                if name not in params and name not in self.optional:
                    raise TypeError(f"{self.name}: input {name} is missing. It is called as {self!r}.")
                inputs.append(params.pop(name) if name in params else self.optional[name])
            args = tuple(inputs)
        if len(more) > len(self.positional):
            raise TypeError(
                f"{self.name}: takes {len(self.inputs) + len(self.positional)} positional arguments, "
                f"got {len(args) + len(more)}. It is called as {self!r}; parameters go by keyword."
            )
        given = dict(zip(self.positional, more, strict=False))
        if twice := given.keys() & params.keys():
            raise TypeError(f"{self.name}: {', '.join(twice)} was given twice.")
        for name in params.keys() - self.defaults.keys():
            known = f" Its parameters are {', '.join(self.defaults)}." if self.defaults else " It has no parameters."
            raise TypeError(f"{self.name}: unknown parameter {name!r}.{nearest(name, self.defaults)}{known}")
        bound = {**self.defaults, **given, **params}
        for name in self.required:
            if bound[name] is REQUIRED:
                raise TypeError(f"{self.name}: parameter {name} is missing. It is called as {self!r}.")
        return args, bound

    def vjp(self, **rules: Callable[..., Any]) -> Op:
        """Register (or replace) the rule of one or more inputs: ``my_op.vjp(x=lambda g, x: g * cos(x))``."""
        for name, rule in rules.items():
            if name not in self.inputs and name != "g":
                raise TypeError(f"{self.name}.vjp: {name!r} is no input; the inputs are {', '.join(self.inputs)}.")
            _read(self, name, 0, rule)  # a misspelt name fails here, not in the first backward
        self.rules.update(rules)
        self.plans.clear()
        return self

    def formula(self, **texts: str) -> Op:
        """Say what rules compute, where their source does not read as a formula: ``relu.formula(x="g * (y > 0)")``.

        ``y=`` is the formula of the result.  A formula belongs to its rule: who replaces the rule loses it.
        """
        for name, text in texts.items():
            if name != "y" and name not in self.rules:
                have = ", ".join(self.rules) or "no input"
                raise TypeError(f"{self.name}.formula: no rule for {name!r}, only for {have}. Use vjp first.")
            try:
                compile(text if isinstance(text, str) else "", self.name, "eval")
            except (SyntaxError, ValueError):
                raise ValueError(f"{self.name}.formula: {name}={text!r} is no Python expression.") from None
            self.formulas[name] = self.rules.get(name), text
        return self

    def register_forward_hook(self, fn: Callable[..., Any]) -> Any:
        """Have ``fn(op, inputs, output)`` look on at each of this thread's calls, whoever makes it; returns a handle.

        It is given read-only arrays (None for an input left out) and returns nothing.
        """
        from .hooks import on_op

        return on_op(self, fn, backward=False)

    def register_backward_hook(self, fn: Callable[..., Any]) -> Any:
        """Have ``fn(op, (cotangent,), gradients)`` look on at each step back through a call; returns a handle."""
        from .hooks import on_op

        return on_op(self, fn, backward=True)

    def _plan(self, pattern: Any, mask: int, count: int) -> Plan:
        """The plan for one pattern of differentiable inputs, made when it is first met."""
        wrt = tuple(k for k in range(count) if mask >> k & 1)
        rules, saves = [], []
        common = None
        if "g" in self.rules:
            common, expressions = _read(self, "g", -1, self.rules["g"])
            saves.append(f"({''.join(e + ', ' for e in expressions)})")
        for k in wrt:
            name = self.inputs[0 if self.variadic else k]
            rule, expressions = _read(self, name, k, self.rules.get(name) or _missing(self, name))
            rules.append(rule)
            saves.append(f"({''.join(e + ', ' for e in expressions)})")
        if self.composition is not None:  # to be run again, recorded, for higher orders
            saves.append("tuple(a)")
        save = eval(f"lambda a, y, p, aux: ({', '.join(saves)},)", {"shape": np.shape, "dtype": np.result_type})
        readers = [*([common] if common else []), *rules]
        names = [*(rule.names for rule in readers), *([self.inputs] if self.composition is not None else [])]
        named = {source for rule in readers for source in rule.sources}
        watch = (
            range(count)
            if "inputs" in named or self.composition is not None
            else {source for source in named if isinstance(source, int)}
        )
        held = tuple(
            (r, a)
            for r, rule in enumerate(readers)
            for a, (name, source) in enumerate(zip(rule.names, rule.sources, strict=True))
            if source is not None or name in self.aux
        )
        plan = self.plans[pattern] = Plan(tuple(rules), common, tuple(names), wrt, tuple(sorted(watch)), held, save)
        return plan

    def cost(self, shapes: Sequence[Any], y_shape: tuple[int, ...], params: dict[str, Any], itemsize: int = 4) -> Cost:
        """What one call costs, from shapes alone: FLOP by the op's own `cost`, else one per output element."""
        size = int(np.prod(y_shape, dtype=np.int64))
        traffic = itemsize * (size + sum(int(np.prod(s, dtype=np.int64)) for s in shapes if s is not None))
        if self.cost_rule is None:
            return Cost(size, traffic)
        known = {"y_shape": y_shape, **params}
        if self.variadic:
            known[f"{self.inputs[0]}_shape"] = tuple(shapes)
        else:
            known |= {f"{name}_shape": s for name, s in zip(self.inputs, shapes, strict=True)}
        return Cost(int(self.cost_rule(**{k: known[k] for k in self.cost_names})), traffic)


def _bare(fn: Callable[..., Any]) -> inspect.Signature:
    """A signature without annotations, to be read by people."""
    signature = inspect.signature(fn)
    plain = [p.replace(annotation=REQUIRED) for p in signature.parameters.values()]
    return signature.replace(parameters=plain, return_annotation=REQUIRED)


def _missing(op: Op, name: str) -> Callable[..., Any]:
    def rule(g: Any) -> Any:
        have = ", ".join(op.rules) or "none of its inputs"
        raise GraphError(
            f"{op.name}: no rule for input {name} (there are rules for {have}). "
            f"Register one: tg.registry[{op.name!r}].vjp({name}=lambda g, ...: ...), or use tg.stop_gradient."
        )

    return rule


def _read(op: Op, own: str, k: int, fn: Callable[..., Any]) -> tuple[Rule, list[str]]:
    """Read a rule's signature: what it names, where each comes from, and the expression that saves it."""
    names, sources, expressions, rest = [], [], [], False
    for p in list(inspect.signature(fn).parameters.values()):
        if p.kind is p.VAR_KEYWORD:
            rest = True
            continue
        name, (base, _, suffix) = p.name, p.name.rpartition("_")
        if name == "g":
            continue
        source: Any = None
        if name == "y":
            source, expression = "y", "y"
        elif name == "y_shape":
            expression = "y.shape"
        elif name in op.defaults:
            expression = f"p[{name!r}]"
        elif name in op.aux:
            expression = f"aux[{op.aux.index(name)}]"
        elif op.variadic and name == op.inputs[0]:
            source, expression = "inputs", "tuple(a)"
        elif op.variadic and name == f"{op.inputs[0]}_shape":
            expression = "tuple([shape(v) for v in a])"
        elif op.variadic and name == "i":
            expression = str(k)
        elif name in op.inputs:
            source = op.inputs.index(name)
            expression = f"a[{source}]"
        elif suffix in ("shape", "dtype") and base in op.inputs:
            which = op.inputs.index(base)
            expression = f"a[{which}].{suffix}" if which == k else f"{suffix}(a[{which}])"  # its own is an array
        else:
            known = ["g", "y", *op.inputs, *(f"{x}_shape" for x in op.inputs), *op.defaults, *op.aux]
            raise TypeError(f"{op.name}: the rule for {own} names {name!r}, which is none of {', '.join(known)}.")
        names.append(name)
        sources.append(source)
        expressions.append(expression)
    others = tuple(n for n in op.defaults if n not in names) if rest else None
    return Rule(k, fn, tuple(names), tuple(sources), others), expressions


@overload
def op(fn: Callable[..., Any], *, name: str | None = None, **options: Any) -> Op: ...
@overload
def op(*, name: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], Op]: ...
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
    samples : some `tg.testing.Sample`, with which every contract is tested.
    ref : a slow or independent function of the same arguments that gives the same result.
    cost : a function of ``x_shape``, ``y_shape`` and parameters, by name, that gives FLOP; default: output elements.
    numpy : NumPy functions that mean this op, so that ``np.exp(tensor)`` reaches it.
    composition : for a fused op, the function of other ops that it equals.  Its rules then serve the first order
        only, on plain arrays, and may use floating side results; higher orders differentiate the composition.

    Raises
    ------
    ValueError : the name is taken by an op from somewhere else.

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
        return lambda f: _register(Op(f, name=name or f.__name__, **options))
    return _register(Op(fn, name=name or fn.__name__, **options))


def _register(made: Op) -> Op:
    fn = made.fn
    old = registry.get(made.name)
    if old is not None and (old.fn.__module__, old.fn.__qualname__) != (fn.__module__, fn.__qualname__):
        raise ValueError(
            f"op {made.name!r} is registered already, by {old.fn.__module__}. Choose another name with name=..., "
            f"or remove the old one with tg.registry.pop({made.name!r})."
        )
    registry[made.name] = made
    registry.of_numpy.update(dict.fromkeys(made.numpy, made))
    return made
