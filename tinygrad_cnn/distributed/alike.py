"""What all ranks start from alike, and where they must differ: parameters, states, random generators, buffers."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from ..autodiff.checkpointing import set_generators
from ..autodiff.effects import effect
from ..autodiff.randomness import get_rng_state, set_rng_state
from ..autodiff.world import World
from ..core.errors import describe
from ..optim import Optimizer


def start_alike(model: Any, optimizer: Optimizer, world: World) -> None:
    """Give all ranks the parameters, the buffers and the optimiser's state of rank 0.

    Raises
    ------
    ValueError : the ranks have built different models or optimisers; the message names the first difference.
    """
    shapes = {name: describe(value) for name, value in model.state_dict().items()}
    _check_equal("model", shapes, world)
    _check_equal("optimizer", {"class": optimizer.who, **_sizes(optimizer)}, world)
    model.load_state_dict(world.same(model.state_dict()))
    state = world.same(optimizer.state_dict())
    if any(name.startswith("state.") for name in state):
        optimizer.load_state_dict(state)


def _sizes(optimizer: Optimizer) -> dict[str, str]:
    return {f"group {k}": f"{len(group['params'])} parameters" for k, group in enumerate(optimizer.param_groups)}


def _check_equal(what: str, mine: dict[str, str], world: World) -> None:
    for rank, theirs in enumerate(world.all_gather(mine)):
        first = world.same(mine)
        for name in [*first, *theirs]:
            if first.get(name) != theirs.get(name):
                raise ValueError(
                    f"distributed.parallel: the {what} of rank {rank} differs from that of rank 0: {name} is "
                    f"{theirs.get(name, 'missing')}, not {first.get(name, 'there')}. Build it alike on all ranks."
                )


def draw_apart(model: Any, world: World) -> None:
    """Give each rank random streams of its own, which follow from those of rank 0 and the rank.

    They are the generators that layers keep, and the default one if it was seeded.  Rank 0 keeps its streams.
    """
    generators = list(model.generators())
    states = world.same([generator.bit_generator.state for generator in generators])
    default = world.same(get_rng_state())
    if not world.rank:
        return
    set_generators([(g, _stream(state, world.rank)) for g, state in zip(generators, states, strict=True)])
    if default is not None:
        set_rng_state({"seed": default["seed"], "generator": _stream(default["generator"], world.rank)})


def _stream(state: Any, rank: int) -> Any:
    """The state of a generator of the same kind, which follows from another's state and a rank."""
    kind = getattr(np.random, state["bit_generator"])
    return kind(np.random.SeedSequence(zlib.crc32(repr(state).encode()), spawn_key=(rank,))).state


@effect
def average_buffers(model: Any, world: World) -> None:
    """Replace floating buffers, such as the running averages of norms, by their means over all ranks."""
    parameters = {name for name, _ in model.named_parameters()}
    values = {
        name: value for name, value in model.state_dict().items() if name not in parameters and value.dtype.kind == "f"
    }
    if world.size == 1 or not values:
        return
    flat = np.concatenate([value.reshape(-1).astype(np.float64) for value in values.values()])
    world.all_reduce(flat)
    flat /= world.size
    at = 0
    for name, value in values.items():
        values[name] = flat[at : at + value.size].reshape(value.shape).astype(value.dtype)
        at += value.size
    model.load_state_dict({**model.state_dict(), **values})
