"""What an optimiser knows as a flat dict, and back.  Parameters are matched by name where they have names.

A dict has "groups.0.lr" and so on, "state.3.exp_avg" for the fourth parameter, and "names.3" with its name.  Files
that were written before there were names have none, and are matched by position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .settings import ADDED, Group


def flat(value: Any, key: str) -> dict[str, Any]:
    """Return a setting as entries of a flat dict: one for each member of a tuple."""
    if isinstance(value, tuple):
        return {f"{key}.{j}": member for j, member in enumerate(value)}
    return {key: value}


def plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's number; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def names_of(parameters: Sequence[Any]) -> list[str] | None:
    """Return the names of parameters if each has one of its own, otherwise None."""
    names = [p.name for p in parameters]
    return names if all(names) and len(set(names)) == len(names) else None


def places(who: str, saved: Sequence[Sequence[str]] | None, own: Sequence[Sequence[Any]]) -> list[int]:
    """Return, for each saved parameter, the number of the optimiser's own parameter that it is.

    Both come group by group.  A name that grew a prefix, as of a model that became part of another, is the same name.
    Where either side has no names, the position counts.

    Raises
    ------
    ValueError : the names differ; the message gives the first that is on one side only.
    """
    count = sum(map(len, own))
    names = names_of([p for group in own for p in group])
    if names is None or saved is None:
        return list(range(count))
    before = _renamed([name for group in saved for name in group], names)
    listed = iter(before)
    for k, mine in enumerate(own):
        group = [next(listed) for _ in mine]
        if odd := sorted({*group} ^ {p.name for p in mine}):
            raise ValueError(
                f"{who}.load_state_dict: the parameters of group {k} differ: {', '.join(odd[:5])} on one side only. "
                "Build the optimiser over the same parameters, or load into a new one what you need of the state."
            )
    return [names.index(name) for name in before]


def _renamed(before: list[str], names: list[str]) -> list[str]:
    """Return saved names as they are now, if all of them grew or lost one prefix; otherwise as they are."""
    if {*before} == {*names} or not before:
        return before
    first = before[0]
    for name in names:
        renamed = before
        if name.endswith(f".{first}"):
            renamed = [name[: -len(first)] + other for other in before]
        elif first.endswith(f".{name}"):
            renamed = [other.removeprefix(first[: -len(name)]) for other in before]
        if {*renamed} == {*names}:
            return renamed
    return before


def saved_names(who: str, values: Mapping[str, Any], sizes: Sequence[int]) -> list[list[str]] | None:
    """Return the names in a state_dict, group by group; None if it has none."""
    given = [key for key in values if key.startswith("names.")]
    if not given:
        return None
    if odd := sorted({*given} ^ {f"names.{k}" for k in range(sum(sizes))}):
        raise ValueError(f"{who}.load_state_dict: the names are incomplete: {', '.join(odd[:5])}.")
    listed = iter(str(values[f"names.{k}"]) for k in range(sum(sizes)))
    return [[next(listed) for _ in range(size)] for size in sizes]


def loaded_groups(optimizer: Any, values: Mapping[str, Any]) -> list[Group]:
    """Return the groups of an optimiser with the settings of a state_dict."""
    who = optimizer.who
    expected = [k for k in optimizer.state_dict() if k.startswith("groups.")]
    values = {**{k: False for k in expected if k.rpartition(".")[2] in ADDED}, **values}
    given = [k for k in values if k.startswith("groups.")]
    if odd := sorted(set(expected) ^ set(given)):
        raise ValueError(f"{who}.load_state_dict: the groups differ: {', '.join(odd[:5])} on one side only.")
    groups = []
    for k, group in enumerate(optimizer.param_groups):
        if values[f"groups.{k}.size"] != len(group["params"]):
            raise ValueError(
                f"{who}.load_state_dict: group {k} has {len(group['params'])} parameters, "
                f"the saved one {values[f'groups.{k}.size']}."
            )
        loaded = {name: _saved(values, f"groups.{k}.{name}", group[name]) for name in optimizer.defaults}
        groups.append(Group(type(optimizer), group["params"], loaded))
    return groups


def loaded_state(
    optimizer: Any, values: Mapping[str, Any], groups: Sequence[Group], order: Sequence[int]
) -> dict[Any, dict[str, Any]]:
    """Return what a state_dict remembers of each parameter; `order` says which one each number stands for.

    What an optimiser starts a state with has to be there, in that shape, and gets that dtype.
    """
    who = f"{optimizer.who}.load_state_dict"
    owners = [(parameter, group) for group in groups for parameter in group["params"]]
    entries: dict[int, dict[str, Any]] = {}
    for key, value in values.items():
        head, _, rest = key.partition(".")
        if head in ("groups", "optimizer", "names"):
            continue
        number, _, name = rest.partition(".")
        if head != "state" or not number.isdigit() or int(number) >= len(owners):
            raise ValueError(f"{who}: unexpected entry {key!r}.")
        entries.setdefault(int(number), {})[name] = value
    state = {}
    for k, given in entries.items():
        parameter, group = owners[order[k]]
        state[parameter] = _slot(optimizer, f"state.{k}", given, parameter, group)
    return state


def _slot(optimizer: Any, where: str, given: dict[str, Any], parameter: Any, group: Group) -> dict[str, Any]:
    """Return what is remembered of one parameter, checked."""
    who, expected = f"{optimizer.who}.load_state_dict", optimizer.start(parameter, group)
    known = expected.keys() | optimizer.optional_state
    if known and (odd := sorted(given.keys() - known)):  # an optimiser that starts with nothing may remember anything
        raise ValueError(f"{who}: unexpected entry {f'{where}.{odd[0]}'!r}.")
    if lacks := sorted(expected.keys() - given.keys() - optimizer.optional_state):
        raise ValueError(f"{who}: {where} lacks {', '.join(lacks)}.")
    slot = {}
    for name, value in given.items():
        start = expected.get(name)
        if not isinstance(start, np.ndarray):
            slot[name] = value.copy() if isinstance(value, np.ndarray) else plain(value)
        elif np.shape(value) != start.shape:
            raise ValueError(
                f"{who}: {where}.{name} has shape {np.shape(value)}, parameter {parameter.name or where[6:]} of shape "
                f"{parameter.shape} needs {start.shape}."
            )
        else:
            slot[name] = np.array(value, start.dtype)
    return slot


def _saved(values: Mapping[str, Any], key: str, now: Any) -> Any:
    """Return a setting of the kind that it has now."""
    if isinstance(now, tuple):
        return tuple(_number(values[f"{key}.{j}"]) for j in range(len(now)))
    return bool(values[key]) if isinstance(now, bool) else _number(values[key])


def _number(value: Any) -> Any:
    """Return a number without axes, whatever file it went through, as Python's; anything else as it is."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 else value
