"""The difference of two recorded structures in words, and the message of a snapshot that does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..core.register import registry
from ..graphs.align import Key, align
from ..graphs.labels import cut, value_text
from .recorded import Record

LONGEST = 120  # characters of a parameter


def differences(old: Sequence[Record], new: Sequence[Record]) -> list[str]:
    """What is different in words, what was added or removed first."""
    if old == new:
        return []
    pairs = _pairs(old, new)
    found = _come_and_gone(old, new, pairs)
    after = {each["id"]: each for each in new}
    both = [(each, after[pairs[each["id"]]]) for each in old if each["id"] in pairs]
    for look in (_parameters, _leaves, _inputs, _sizes, _places):
        found += [line for a, b in both for line in look(a, b, pairs)]
    return found or ["the same nodes stand in another order"]


def _pairs(old: Sequence[Record], new: Sequence[Record]) -> dict[str, str]:
    """The ids of the old nodes that are still there, with their new ids."""
    ops = [[each for each in structure if "op" in each] for structure in (old, new)]
    keys = [[Key(each["op"], each.get("path", ""), repr(_looks(each))) for each in those] for those in ops]
    matched = [(ops[0][i], ops[1][j]) for i, j in align(*keys)]
    pairs = {a["id"]: b["id"] for a, b in matched}
    leaves = [{each["id"] for each in structure if "op" not in each} for structure in (old, new)]
    named = {name for name in leaves[0] & leaves[1] if not _is_numbered(name)}
    pairs |= {name: name for name in named}
    taken = set(named)
    for a, b in matched:  # leaves go with the ops that use them
        for x, y in zip(a["inputs"], b["inputs"], strict=False):
            if x in leaves[0] and y in leaves[1] and x not in pairs and y not in taken:
                pairs[x] = y
                taken.add(y)
    sizes = [{each["id"]: (each["shape"], each["dtype"]) for each in structure} for structure in (old, new)]
    rest = (leaves[0] & leaves[1]) - pairs.keys() - taken
    return pairs | {name: name for name in rest if sizes[0][name] == sizes[1][name]}


def _is_numbered(name: str) -> bool:
    """Whether the name of a leaf is one that it was given here, by counting."""
    return name.split(" ")[0] in ("tensor", "array")


def _looks(each: Record) -> Any:
    return sorted(each.get("parameters", {}).items()), each["shape"], each["dtype"]


def _come_and_gone(old: Sequence[Record], new: Sequence[Record], pairs: dict[str, str]) -> list[str]:
    kept = set(pairs.values())
    told = [f"{each['id']} is new" for each in new if each["id"] not in kept]
    told += [f"{each['id']} is gone" for each in old if each["id"] not in pairs]
    return sorted(told, key=lambda line: line.startswith(("tensor", "array")))


def _parameters(a: Record, b: Record, pairs: dict[str, str]) -> Iterator[str]:
    before, after = a.get("parameters", {}), b.get("parameters", {})
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            defaults = getattr(registry.get(b["op"]), "defaults", {})
            usual = value_text(defaults[name]) if name in defaults else "not given"
            was, now = (cut(texts.get(name, usual), LONGEST) for texts in (before, after))
            yield f"{b['id']}: {name} was {was}, now {now}"


def _leaves(a: Record, b: Record, pairs: dict[str, str]) -> Iterator[str]:
    if "op" in a:
        return
    if a["requires_grad"] != b["requires_grad"]:
        who = a["id"] if a["id"] == b["id"] else f"{a['id']} (now {b['id']})"
        why = f": its history is cut by {b['why']}" if "why" in b else ""
        yield f"{who} {'requires' if b['requires_grad'] else 'does not require'} a gradient now{why}"
    elif a.get("why") != b.get("why"):
        yield f"{b['id']}: its history was {_history(a)}, now {_history(b)}"


def _history(leaf: Record) -> str:
    return f"cut by {leaf['why']}" if "why" in leaf else "not cut"


def _inputs(a: Record, b: Record, pairs: dict[str, str]) -> Iterator[str]:
    if "op" not in a:
        return
    before, after = a["inputs"], b["inputs"]
    if len(before) != len(after):
        yield f"{b['id']} had {len(before)} inputs, now {len(after)}"
        return
    op = registry.get(b["op"])
    for k, (x, y) in enumerate(zip(before, after, strict=True)):
        if pairs.get(x, x if x is None else ...) != y:
            name = op.input(k) if op is not None and (op.variadic or k < len(op.inputs)) else str(k)
            yield f"{b['id']}: input {name} was {x or 'a number or left out'}, now {y or 'a number or left out'}"


def _sizes(a: Record, b: Record, pairs: dict[str, str]) -> Iterator[str]:
    before, after = ((tuple(each["shape"]), each["dtype"]) for each in (a, b))
    if before[0] != after[0]:
        yield f"{b['id']}: the shape was {before[0]}, now {after[0]}"
    if before[1] != after[1]:
        yield f"{b['id']}: the dtype was {before[1]}, now {after[1]}"


def _places(a: Record, b: Record, pairs: dict[str, str]) -> Iterator[str]:
    """Other names, which a layer that was put in gives to all that follow."""
    if a.get("path", "") != b.get("path", ""):
        yield f"{b['id']} was in {a.get('path') or 'no module'}, now in {b.get('path') or 'no module'}"
    for key in ("name", "parameter", "argument"):
        if a.get(key) != b.get(key):
            yield f"{b['id']}: the {'name' if key == 'name' else key} was {a.get(key)}, now {b.get(key)}"
            return
    if "op" not in a and a.get("given") != b.get("given"):
        was, now = ("a Tensor" if "given" in each else "an array" for each in (a, b))
        yield f"{b['id']} was {was}, now {now}"
