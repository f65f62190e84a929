"""Rules and plans: what a rule names, and what a node therefore keeps; read once from signatures, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from .errors import GraphError
from .register import hooks


class Item(NamedTuple):
    """Where a value that a rule names comes from: of which kind it is, and which of that kind."""

    kind: str  # "input", "y", "parameter", or a key of FETCH
    what: Any = None


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if type(value) is np.ndarray else np.shape(value)


# how an item is taken from arrays a, result y and side results s; inputs, y and parameters are at hand
FETCH: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "inputs": lambda what: lambda a, y, s: tuple(a[what:]),
    "y_shape": lambda what: lambda a, y, s: y.shape,
    "shape": lambda what: lambda a, y, s: _shape(a[what]),
    "shapes": lambda what: lambda a, y, s: tuple([_shape(v) for v in a[what:]]),
    "dtype": lambda what: lambda a, y, s: np.result_type(a[what]),
    "side": lambda what: lambda a, y, s: s[what],
    "constant": lambda what: lambda a, y, s: what,
}
KINDS = ("input", "y", "parameter", "y_shape", "shape", "side")  # that C knows, by number
ARRAY_KINDS = ("input", "inputs", "y", "side")


class Rule(NamedTuple):
    """How to pull a cotangent back to one input."""

    k: int  # the input's number
    fn: Callable[..., Any]
    names: tuple[str, ...]  # of its arguments after g
    recipe: tuple[Item, ...]  # where each comes from
    rest: tuple[str, ...] | None  # the parameters that **p stands for
    pick: Callable[[Any], tuple[Any, ...]]  # takes its arguments from all that a node saved
    places: tuple[int, ...] = ()  # where among these they are


class Plan(NamedTuple):
    """The rules that one pattern of differentiable inputs needs, and how to save what they name."""

    rules: tuple[Rule, ...]
    common: Rule | None  # what all rules share, worked out once; they get its result as g
    wrt: tuple[int, ...]
    items: Mapping[Item, str] = {}  # what is saved, in this order, each with its name
    watch: tuple[int, ...] = ()  # inputs whose values are saved
    held: tuple[int, ...] = ()  # which items can be arrays
    whole: Callable[[Any], tuple[Any, ...]] | None = None  # takes all inputs from what was saved, for the composition
    parameters: Callable[[Any], tuple[Any, ...]] | None = None  # takes those that are named from a dict of parameters
    fetch: tuple[Callable[..., Any], ...] = ()  # take what is neither an input, y, nor a parameter
    take: Callable[[Any], tuple[Any, ...]] | None = None  # takes the items from all of these
    recipe: tuple[tuple[int, Any], ...] = ()  # the same for C: of which kind each item is, and which of that kind

    def save(self, arrays: list[Any], y: Any, params: dict[str, Any], side: Any) -> tuple[Any, ...]:
        """The values that a node keeps for its rules.  Uses up the list of arrays."""
        if self.take is None:
            return ()
        fetched = [fetch(arrays, y, side) for fetch in self.fetch] if self.fetch else None
        arrays.append(y)
        if self.parameters is not None:
            arrays += self.parameters(params)
        if fetched:
            arrays += fetched
        return self.take(arrays)


def holds_array(value: Any) -> bool:
    """Whether a saved value is an array, or all inputs of an op of any number of them."""
    return type(value) is np.ndarray or (type(value) is tuple and any([type(v) is np.ndarray for v in value]))


def plan_for(op: Any, pattern: Any, mask: int, count: int) -> Plan:
    """Make (and keep, with the op) the plan for one pattern of differentiable inputs, when it is first met."""
    wrt = tuple(k for k in range(count) if mask >> k & 1)
    common = read(op, "g", -1, op.rules["g"]) if "g" in op.rules else None
    rules: list[Rule] = []
    for k in wrt:
        name = op.input(k)
        if rules and rules[-1].k >= op.last:  # one rule for any number of inputs, so its signature is read once
            i = Item("constant", k - op.last)
            recipe = tuple([i if item.kind == "constant" else item for item in rules[-1].recipe])
            rules.append(rules[-1]._replace(k=k, recipe=recipe))
        else:
            rules.append(read(op, name, k, op.rules.get(name) or _missing(op, name)))
    inputs = [Item("input", k) for k in range(count)]
    items: dict[Item, str] = {}
    for rule in (*([common] if common else []), *rules):
        items |= zip(rule.recipe, rule.names, strict=True)
    if op.composition is not None:  # to be run again, recorded, for higher orders
        items |= {item: op.input(item.what) for item in inputs}
    at = {item: k for k, item in enumerate(items)}
    rules = [_picking(rule, at) for rule in rules]
    common = common and _picking(common, at)
    watch = {item.what for item in items if item.kind == "input"}
    watch.update(*[range(item.what, count) for item in items if item.kind == "inputs"])
    parameters = [item for item in items if item.kind == "parameter"]
    fetched = [item for item in items if item.kind in FETCH]
    places = {item: k for k, item in enumerate([*inputs, Item("y"), *parameters, *fetched])}
    op.plans[pattern] = plan = Plan(
        tuple(rules), common, wrt, items, tuple(sorted(watch)),
        held=tuple([k for item, k in at.items() if item.kind in ARRAY_KINDS]),
        whole=_picker([at[item] for item in inputs]) if op.composition is not None else None,
        parameters=_picker([item.what for item in parameters]) if parameters else None,
        fetch=tuple([FETCH[item.kind](item.what) for item in fetched]),
        take=_picker([places[item] for item in items]) if items else None,
        recipe=tuple([
            (KINDS.index(item.kind), item.what) if item.kind in KINDS else (len(KINDS), FETCH[item.kind](item.what))
            for item in items
        ]),
    )  # fmt: skip
    return plan


def _picking(rule: Rule, at: Mapping[Item, int]) -> Rule:
    """A rule that knows where its arguments are among what a node saves."""
    places = tuple([at[item] for item in rule.recipe])
    return rule._replace(pick=_picker([*places]), places=places)


def _picker(places: list[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that takes the elements at these places of a tuple, or of these names of a dict, as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    (place,) = places or [None]
    return (lambda values: (values[place],)) if places else lambda values: ()


def _missing(op: Any, name: str) -> Callable[..., Any]:
    def rule(g: Any) -> Any:
        have = ", ".join(op.rules) or "none of its inputs"
        raise GraphError(
            f"{op.name}: no rule for input {name} (there are rules for {have}). "
            f"Register one: tg.registry[{op.name!r}].vjp({name}=lambda g, ...: ...), or use tg.stop_gradient."
        )

    return rule


def read(op: Any, own: str, k: int, fn: Callable[..., Any]) -> Rule:
    """Read a rule's signature: what it names, in any order, and where each comes from.

    Raises
    ------
    TypeError : the rule names something that its op does not have, or does not name g.
    """
    names, recipe = list[str](), list[Item]()
    g_first, rest, by_keyword = True, False, False
    signature = hooks["rule"](op, own, fn)
    for n, p in enumerate(signature.values()):
        if p.kind is p.VAR_KEYWORD:
            rest = True
            continue
        by_keyword |= p.kind is p.KEYWORD_ONLY
        if p.name == "g":
            g_first = n == 0
        else:
            names.append(p.name)
            recipe.append(_item(op, own, k, p.name))
    if "g" not in signature:
        raise TypeError(
            f"{op.name}: the rule for {own} does not name g, the gradient of the op's result. "
            f"Write it as a function of g: {op.name}.vjp({own}=lambda g{''.join(', ' + n for n in names)}: ...)."
        )
    others = tuple(n for n in op.lasting if n not in names) if rest else None
    if not g_first or by_keyword:
        fn = _by_name(fn, tuple(names))
    return Rule(k, fn, tuple(names), tuple(recipe), others, tuple)


def _item(op: Any, own: str, k: int, name: str) -> Item:
    """Where a name in a rule's signature comes from."""
    base, _, suffix = name.rpartition("_")
    if name in ("y", "y_shape"):
        return Item(name)
    if name in op.lasting:
        return Item("parameter", name)
    if name in op.aux:
        return Item("side", op.aux.index(name))
    if op.variadic and name in (op.inputs[-1], f"{op.inputs[-1]}_shape"):
        return Item("inputs" if name == op.inputs[-1] else "shapes", op.last)
    if op.variadic and name == "i":
        return Item("constant", k - op.last)
    if name in op.inputs:
        return Item("input", op.inputs.index(name))
    if suffix in ("shape", "dtype") and base in op.inputs:
        return Item(suffix, op.inputs.index(base))
    known = ["g", "y", *op.inputs, *(f"{x}_shape" for x in op.inputs), *op.lasting, *op.aux]
    raise TypeError(f"{op.name}: the rule for {own} names {name!r}; the names it can have are {', '.join(known)}.")


def _by_name(fn: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """A rule whose signature does not begin with g, as one that is called with g first."""
    return lambda g, *values, **rest: fn(g=g, **dict(zip(names, values, strict=True)), **rest)
