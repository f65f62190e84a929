"""Which array of another framework belongs to which of ours, by name or layer by layer, and the report of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..core.errors import describe, nearest
from ..core.tensor import Tensor
from ..nn import Module
from ..nn.layouts import Place, Shape, join, places

Names = Mapping[str, Shape]


@dataclass(frozen=True)
class Transfer:
    """What went where: the report of `from_torch` and `from_keras`.

    Attributes
    ----------
    rows : of each array its path here, its name there, and what was done to it.
    how : "by name", or "in order" where the names differ and layers were matched one after another.
    missing : what the model has and the weights have not; only with ``strict=False``.
    unexpected : what the weights have and the model has not, and was passed over.
    """

    rows: list[tuple[str, str, str]]
    how: str
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        wide = [max([len(row[k]) for row in self.rows], default=0) for k in (0, 1)]
        lines = [f"{len(self.rows)} arrays, matched {self.how}"]
        lines += [f"  {here:<{wide[0]}} <- {there:<{wide[1]}}  {what}" for here, there, what in self.rows]
        lines += [f"  {word}: {', '.join(names)}" for word, names in
                  (("missing", self.missing), ("passed over", self.unexpected)) if names]  # fmt: skip
        return "\n".join(lines)


@dataclass(frozen=True)
class Match:
    """The name in the weights of each name that was wanted, and how it was found."""

    names: dict[str, str]
    how: str
    unexpected: list[str]


def places_of(who: str, model: Any, framework: str) -> list[Place]:
    """The places of a model's arrays; anything else is refused in words."""
    if not isinstance(model, Module):
        raise TypeError(f"{who}: model must be a Module, got {describe(model)}.")
    return places(model, framework)


def called(who: str, found: list[Place], names: Mapping[str, str] | None) -> list[Place]:
    """The places with the names there that `names` says, from our paths of layers or arrays to theirs."""
    if names is None:
        return found
    if not isinstance(names, Mapping) or not all(isinstance(k, str) for pair in names.items() for k in pair):
        raise TypeError(f'{who}: names must be a dict of names, as in {{"head": "fc"}}, got {describe(names)}.')
    known = {k for p in found for k in _and_above(p.here)}
    if odd := [key for key in names if key not in known]:
        raise ValueError(f"{who}: names has {odd[0]!r}, which the model has not.{nearest(odd[0], known)}")
    return [replace(p, there=_called(p, names)) for p in found]


def _called(place: Place, names: Mapping[str, str]) -> str:
    if place.here in names:
        return names[place.here]
    keys = [key for key in _and_above(place.there) if key in names]
    return names[keys[-1]] + place.there[len(keys[-1]) :] if keys else place.there


def _and_above(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[: k + 1]) for k in range(len(parts))]


def wanted(found: Iterable[Place]) -> Names:
    """The names that the weights should have, with their shapes."""
    shapes = {}
    for p in found:
        if p.tensor is not None:
            for name in p.names:
                shapes[name] = p.layout.shape_there(p.tensor.shape)
    return shapes


def match(
    who: str, model: Module, want: Names, have: Names, only: frozenset[str], *, strict: bool, ordered: bool = True
) -> Match:
    """Match by name if all fits so, else in order; `only` are the last parts of names that only they have.

    Raises
    ------
    ValueError : neither fits; the message lists the differences.
    """
    start = _prefix(want, have)
    names = {name: start + name for name in want if start + name in have}
    fits = all(have[there] == want[name] for name, there in names.items())
    how = "by name"
    if ordered and not (fits and len(names) == len(want)) and (strict or not names):
        by_order = _in_order(want, have, only)
        if by_order is not None:
            names, how, start, fits = by_order, "in order", "", True
    taken = {*names.values()}
    unexpected = [k for k in have if k not in taken and k.startswith(start) and not _is_only(k, only)]
    missing = [k for k in want if k not in names]
    if not fits or (strict and (missing or unexpected)):
        raise ValueError(_misfit(who, model, want, have, names, only, strict))
    return Match(names, how, unexpected)


def _is_only(name: str, only: frozenset[str]) -> bool:
    return name.rpartition(".")[2] in only


def _prefix(want: Names, have: Names) -> str:
    """What stands before our names in theirs, as "module." does where a model was wrapped or kept in a checkpoint."""
    first = next(iter(want), "")
    starts = ["", *(k.removesuffix(first) for k in have if k.endswith(f".{first}"))]
    return max(starts, key=lambda start: sum(start + name in have for name in want))


def _layers(names: Names, only: frozenset[str]) -> dict[str, dict[str, Shape]]:
    """Names with shapes, layer by layer, in order of first appearance."""
    layers: dict[str, dict[str, Shape]] = {}
    for name, shape in names.items():
        layer, _, leaf = name.rpartition(".")
        if leaf not in only:
            layers.setdefault(layer, {})[leaf] = shape
    return layers


def _in_order(want: Names, have: Names, only: frozenset[str]) -> dict[str, str] | None:
    """Layer by layer in order, if each has arrays of the same names and shapes; one under the same words stays."""
    ours, theirs = _layers(want, only), _layers(have, only)
    same = {k: k for k in ours if ours[k] == theirs.get(k) and not any(part.isdigit() for part in k.split("."))}
    rest = [k for k in ours if k not in same], [k for k in theirs if k not in same]
    if len(rest[0]) != len(rest[1]) or any(ours[a] != theirs[b] for a, b in zip(*rest, strict=True)):
        return None
    pairs = {**same, **dict(zip(*rest, strict=True))}
    return {join(a, leaf): join(b, leaf) for a, b in pairs.items() for leaf in ours[a]}


def _misfit(
    who: str, model: Module, want: Names, have: Names, names: Mapping[str, str], only: frozenset[str], strict: bool
) -> str:
    taken = {*names.values()}
    rows = [("missing", k, f"expects {want[k]}") for k in want if strict and k not in names]
    rows += [("unexpected", k, f"got {have[k]}") for k in have if strict and k not in taken and not _is_only(k, only)]
    rows += [("shape", k, f"expects {want[k]}, got {have[v]}") for k, v in names.items() if have[v] != want[k]]
    width = max(len(name) for _, name, _ in rows)
    table = "\n".join(f"  {kind:<10}  {name:<{width}}  {text}" for kind, name, text in rows)
    return (
        f"{who}: the weights do not fit {type(model).__name__}; nothing was loaded. Names and shapes are theirs:\n"
        f"{table}\n{_first_difference(want, have, only)}"
        'Say which layers belong together, as names={"ours": "theirs"}; strict=False passes over missing and '
        "unexpected names."
    )


def _first_difference(want: Names, have: Names, only: frozenset[str]) -> str:
    """Where layers in order differ first, if there are as many here as there."""
    ours, theirs = _layers(want, only), _layers(have, only)
    for k, ((a, own), (b, other)) in enumerate(zip(ours.items(), theirs.items(), strict=False)):
        if own != other:
            texts = [", ".join(f"{leaf} {shape}" for leaf, shape in each.items()) for each in (own, other)]
            return f"In order they differ first at layer {k + 1}: {a!r} expects {texts[0]}; {b!r} has {texts[1]}.\n"
    return f"In order there are {len(ours)} layers with arrays here, and {len(theirs)} there.\n"


def array_of(value: Any) -> np.ndarray | None:
    """A value of theirs as an array; None for what is neither array nor tensor, such as the number of an epoch."""
    if isinstance(value, Tensor):
        return value.data
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a tensor of PyTorch's
        value = value.detach().cpu()
        small = "bfloat16" in str(value.dtype) or "float8" in str(value.dtype)
        value = value.float().numpy() if small else value.numpy()
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        return np.asarray(value)
    return None


def flat(values: Mapping[Any, Any], path: str = "") -> dict[str, np.ndarray]:
    """The arrays of a dict, also of dicts inside, their names joined by dots."""
    found: dict[str, np.ndarray] = {}
    for key, value in values.items():
        name = join(path, str(key))
        array = None if isinstance(value, Mapping) else array_of(value)
        found |= flat(value, name) if isinstance(value, Mapping) else {} if array is None else {name: array}
    return found


def fill(
    who: str, model: Module, found: list[Place], have: Mapping[str, np.ndarray], matched: Match,
    orders: Mapping[str, np.ndarray],
) -> Transfer:  # fmt: skip
    """Write the matched arrays, turned, into the model; `orders` are those of flattened features, by our paths."""
    values: dict[str, np.ndarray] = {}
    rows, loaded = [], set()
    first = {id(tensor): path for path, tensor in model._state().items()}
    numbered = {id(p.tensor): orders[p.here] for p in found if p.here in orders}
    for p in found:
        if p.tensor is None or p.there not in matched.names:
            continue
        array = np.asarray(sum(
            p.layout.here(have[matched.names[name]], p.tensor.shape)
            for name in p.names if name in matched.names
        ))  # fmt: skip
        what = p.layout.words
        order = numbered.get(id(p.tensor))
        if order is not None:
            array, what = array[order], f"{what}, rows from channels first to last".removeprefix("as it is, ")
        array = _of_dtype(who, matched.names[p.there], array, p.tensor.dtype)
        path = first[id(p.tensor)]
        if path in values and not np.array_equal(values[path], array, equal_nan=True):
            raise ValueError(f"{who}: {p.here} is {path} too, but the weights have two different arrays for them.")
        values[path] = array
        loaded.add(id(p.tensor))
        rows.append((p.here, matched.names[p.there], what))
    missing = [path for key, path in first.items() if key not in loaded]
    model.load_state_dict(values, strict=False)
    return Transfer(rows, matched.how, missing, matched.unexpected)


def _of_dtype(who: str, name: str, array: np.ndarray, dtype: Any) -> np.ndarray:
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(f"{who}: {name!r} is {array.dtype}, which cannot become {dtype}.")
    return np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
