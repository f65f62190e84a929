"""Runs: what has no modules, or too many, is cut into stretches of consecutive ops that are drawn as one box each.

Ops stand in the order in which they were recorded, inputs first.  So a stretch of that order has no way that leaves it
and comes back, and the boxes that stretches become hang together as their ops did.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from . import looks
from .labels import markup
from .scene import Scene, SceneModule, SceneNode

ENDS = 3  # ops at either end of a chain that stay
STRETCHES = 60  # boxes that are left where a graph has no long chains
Member = SceneNode | SceneModule
LEAST = 4  # ops that are worth a box of their own


@dataclass
class Unit:
    """What stands at one level: a box, or a closed module."""

    id: str
    op: bool
    into: set[str] = field(default_factory=set)
    out_of: set[str] = field(default_factory=set)


def fold_runs(scene: Scene, most: int) -> None:
    """Put runs of ops into closed frames until at most `most` boxes are drawn."""
    units = _units(scene)
    ops = [unit for unit in units.values() if unit.op]
    spare = len(units) - most
    runs = []
    for chain in sorted(_chains(ops), key=len, reverse=True):
        if spare > 0 and len(chain) >= 2 * ENDS + LEAST:
            runs.append(chain[ENDS:-ENDS])
            spare -= _saved(runs[-1], units)
    if spare > 0:
        size = max(LEAST, -(-len(ops) // STRETCHES))
        runs = [ops[start : start + size] for start in range(0, len(ops), size)]
    home = {unit.id: k for k, run in enumerate(runs) for unit in run}
    spare = len(units) - most - sum(_saved(run, units) for run in runs)
    for unit in units.values():
        if not unit.op:
            _place(unit, home, everything=spare > 0)
    left = [unit for unit in units.values() if unit.id not in home and not unit.op]
    if len(left) + len(runs) > most:  # thousands of tensors that no op ties together
        home |= {unit.id: len(runs) for unit in left[most // 2 :]}
    _close(scene, home, most)


def _units(scene: Scene) -> dict[str, Unit]:
    """Everything drawn, in order, with what each takes from and gives to."""
    shown = scene.shown()
    units: dict[str, Unit] = {}
    for node in scene.nodes:
        key = shown[node.id]
        unit = units.setdefault(key, Unit(key, False))
        unit.op = unit.op or node.box.kind in ("op", "failed")
    for edge in scene.edges:
        tail, head = shown[edge.tail], shown[edge.head]
        if tail != head:
            units[head].into.add(tail)
            units[tail].out_of.add(head)
    return units


def _chains(ops: list[Unit]) -> list[list[Unit]]:
    """Stretches in which each op takes nothing but what the one before it gives to nobody else (leaves aside)."""
    known = {unit.id for unit in ops}
    chains: list[list[Unit]] = []
    for before, unit in zip([None, *ops], ops, strict=False):
        linked = before is not None and unit.into & known == {before.id} and before.out_of & known == {unit.id}
        if linked:
            chains[-1].append(unit)
        else:
            chains.append([unit])
    return chains


def _saved(run: list[Unit], units: dict[str, Unit]) -> int:
    """How many boxes fewer there are if this run becomes one: its ops, and leaves that only they use."""
    inside = {unit.id for unit in run}
    leaves = {key for unit in run for key in unit.into if not units[key].op and units[key].out_of <= inside}
    return len(run) + len(leaves) - 1


def _place(unit: Unit, home: dict[str, int], everything: bool) -> None:
    """A leaf goes with the one run that uses it; where boxes must be saved, any with its first user, or its maker."""
    runs = [home[key] for key in unit.out_of if key in home]
    if runs and (everything or (len(set(runs)) == 1 and len(runs) == len(unit.out_of))):
        home[unit.id] = min(runs)
    elif everything and not unit.out_of:
        made = [home[key] for key in unit.into if key in home]
        if made:
            home[unit.id] = max(made)


def _close(scene: Scene, home: dict[str, int], most: int) -> None:
    """Make the frames, closed."""
    frames: dict[tuple[int, str | None], SceneModule] = {}
    members: dict[str, dict[str, Member]] = {}
    shown = scene.shown()
    parents = {key: module.parent for key, module in scene.modules.items()}
    for node in scene.nodes:
        key = shown[node.id]
        if key not in home:
            continue
        parent = parents.get(key, node.module)
        frame = frames.get((home[key], parent))
        if frame is None:
            frame = frames[home[key], parent] = _frame(scene, parent)
            members[frame.id] = {}
        frame.boxes.append(node.box)
        members[frame.id][key] = scene.modules[key] if key in parents else node
    for frame in frames.values():
        _fill(scene, frame, list(members[frame.id].values()), most)


def _frame(scene: Scene, parent: str | None) -> SceneModule:
    frame = SceneModule(f"m{len(scene.modules)}", parent, "", "", {}, closed=True, named=False)
    scene.modules[frame.id] = frame
    return frame


def _fill(scene: Scene, frame: SceneModule, members: list[Member], most: int) -> None:
    """Put members into a frame; where there are too many, into closed frames inside it, so that it can be opened."""
    stack = [(frame, members)]
    while stack:
        around, inside = stack.pop()
        _label(around)
        size = max(most, -(-len(inside) // most)) if len(inside) > most else 0
        for start in range(0, len(inside), size) if size else ():
            part = inside[start : start + size]
            inner = _frame(scene, around.id)
            inner.boxes = [box for m in part for box in (m.boxes if isinstance(m, SceneModule) else [m.box])]
            stack.append((inner, part))
        for member in inside if not size else ():
            if isinstance(member, SceneModule):
                member.parent = around.id
            else:
                member.module = around.id


def _label(frame: SceneModule) -> None:
    ops = [box for box in frame.boxes if box.kind in ("op", "failed")]
    if ops:
        counts = Counter(box.title for box in ops).most_common()
        title = f"… {len(ops)} op{'s' if len(ops) > 1 else ''} …"
    else:
        counts = Counter(box.kind for box in frame.boxes).most_common()
        title = f"… {len(frame.boxes)} more …"
    lines = [f"{name} × {n}" if n > 1 else name for name, n in counts[:3]]
    lines += [f"and {len(counts) - 3} other kinds"] if len(counts) > 3 else []
    shape = next((box.shape for box in reversed(ops)), "")
    frame.path = title
    frame.collapsed = {"label": {"html": markup(title, lines, shape)}, **looks.LOOKS["run"]}
    frame.attributes = {"label": {"html": f"<b>{title}</b>"}, **looks.frame(1), "style": "rounded,filled,dashed"}
