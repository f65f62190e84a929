"""All that a training needs to go on as if it had never stopped, as one tree of arrays and plain values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autodiff.checkpointing import set_generators
from ..autodiff.outside import warn
from ..autodiff.randomness import get_rng_state, set_rng_state
from ..autodiff.world import World
from ..distributed.alike import draw_apart

ARRAY = "__array__"  # stands in the plain tree for an array that is stored beside it


def split(tree: Any, path: str = "", arrays: dict[str, np.ndarray] | None = None) -> tuple[Any, dict[str, np.ndarray]]:
    """A tree of dicts, lists and arrays as one that JSON can write, and the arrays by their paths in it."""
    arrays = {} if arrays is None else arrays
    if isinstance(tree, np.ndarray):
        arrays[path] = tree
        return {ARRAY: path}, arrays
    if isinstance(tree, dict):
        return {str(k): split(v, f"{path}/{k}" if path else str(k), arrays)[0] for k, v in tree.items()}, arrays
    if isinstance(tree, (list, tuple)):
        return [split(v, f"{path}/{k}", arrays)[0] for k, v in enumerate(tree)], arrays
    return (tree.item() if isinstance(tree, np.generic) else tree), arrays


def join(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The tree that `split` took apart; tuples come back as lists, keys as strings."""
    if isinstance(tree, dict):
        if tree.keys() == {ARRAY}:
            return arrays[tree[ARRAY]]
        return {k: join(v, arrays) for k, v in tree.items()}
    return [join(v, arrays) for v in tree] if isinstance(tree, list) else tree


def generator_states(model: Any) -> list[Any]:
    """The states of the generators that layers keep, as JSON can write them (whole numbers of up to 128 bits)."""
    return [_listed(rng.bit_generator.state) for rng in model.generators()]


def restore_generators(model: Any, states: list[Any]) -> None:
    """Set the generators of a model to states that `generator_states` gave.

    Raises
    ------
    ValueError : their number or kind differs; none is changed then.
    """
    generators = list(model.generators())
    own, saved = [g.bit_generator.state["bit_generator"] for g in generators], [s["bit_generator"] for s in states]
    if own != saved:
        raise ValueError(
            f"fit: the model keeps the random generators {own}, the checkpoint has {saved}. "
            "Build the model as it was built for the run."
        )
    set_generators(zip(generators, states, strict=True))


def restore_default(state: Any) -> None:
    """Set the default generator to a state that `get_rng_state` gave; a run that was not seeded leaves it alone."""
    if state is not None:
        set_rng_state(state)


def states_of_ranks(model: Any, optimizer: Any, world: World) -> dict[str, Any]:
    """What each rank has for itself: generators, the default one, and an optimiser's state where ranks move apart.

    Rank 0's is at the top, those of the others are under "ranks".
    """
    mine = {"generators": generator_states(model), "rng": get_rng_state(), "optimizer": optimizer.state_dict()}
    if world.size == 1:
        return mine
    theirs = mine if optimizer.moves_apart else {name: mine[name] for name in ("generators", "rng")}
    return {**mine, "ranks": world.all_gather(theirs)[1:]}


def restore_rank(model: Any, optimizer: Any, state: Any, world: World) -> None:
    """Go on from `states_of_ranks`; with another number of ranks all go on from rank 0, with streams of their own."""
    known = [state, *state.get("ranks", [])]
    as_before = world.size == len(known)
    mine = {**state, **known[world.rank]} if as_before else state
    optimizer.load_state_dict(mine["optimizer"])
    restore_generators(model, mine["generators"])
    restore_default(mine.get("rng"))
    if not as_before:
        draw_apart(model, world)


def frozen_parts(model: Any) -> dict[str, list[str]]:
    """The paths of modules that are frozen, and of parameters that require no gradient."""
    return {
        "modules": [path for path, module in model.named_modules() if module.frozen],
        "parameters": [path for path, parameter in model.named_parameters() if not parameter.requires_grad],
    }


def restore_frozen(model: Any, saved: dict[str, list[str]] | None) -> None:
    """Freeze what `frozen_parts` listed, and nothing else; None, of an older checkpoint, leaves the model alone.

    The checkpoint counts, as for all else that a resumed run depends on, with a warning if the model differs from it.
    """
    now = frozen_parts(model)
    if saved is None or saved == now:
        return
    for path, module in model.named_modules():
        object.__setattr__(module, "frozen", path in saved["modules"])
    for path, parameter in model.named_parameters():
        parameter.requires_grad = path not in saved["parameters"]
    other = sorted({*now["parameters"]} ^ {*saved["parameters"]} or {*now["modules"]} ^ {*saved["modules"]})
    warn(
        f"fit: the model and the run's checkpoint differ in what is frozen ({', '.join(other[:3])}"
        f"{', ...' if len(other) > 3 else ''}). Training goes on as in the checkpoint. To change what is frozen, "
        "start a new run, or do it in a callback."
    )


def _listed(state: Any) -> Any:
    if isinstance(state, dict):
        return {k: _listed(v) for k, v in state.items()}
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state


@contextmanager
def preserved(model: Any) -> Iterator[None]:
    """A context that leaves a model's arrays and all generators as they were before."""
    weights, generators, default = model.state_dict(), generator_states(model), get_rng_state()
    try:
        yield
    finally:
        model.load_state_dict(weights)
        restore_generators(model, generators)
        set_rng_state(default)
