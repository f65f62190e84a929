"""Results of several machines side by side: ratios alone, their means, and the short table of the README."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_cnn.insight.numbers import number

from . import report
from .contest import pairwise
from .report import Results, bases_of, better_layout, geometric_mean, ratio, table
from .sides import LAYERED, LAYOUTS, OURS, SIDES

BEGIN, END = "<!-- speed: begin (written by tinygrad-cnn bench --readme) -->", "<!-- speed: end -->"

Case = dict[str, Any]
Cell = float | None

SECTIONS = {  # suite: title; time of PyTorch's better layout over ours
    "train": "Training step",
    "more": "Training step, other networks",
    "single": "Training step, one image",
    "one-thread": "Training step, one thread",
    "avx2": "Training step, every side held to AVX2",
    "bf16": "Training step, PyTorch's bf16 autocast over our medium precision",
    "infer": "Inference",
    "infer-single": "Inference, one image",
    "conv": "Convolutions alone",
    "op": "Single ops",
}


LARGE = ("resnet20", "mobile", "vgg_small", "mnistnet")  # whose mean is taken too, beside ONNX Runtime


def page(found: list[Results]) -> str:
    """Everything: of several machines their ratios side by side, then each machine's own tables."""
    if len(found) == 1 and not found[0].get("old"):
        return report.markdown(found[0])
    parts = ["### Side by side", markdown(found).rstrip()]
    for results in found:
        parts += [f"### {report.name_of(results)}", report.markdown(results).replace("\n### ", "\n#### ").rstrip()]
    return "\n\n".join(parts) + "\n"


def markdown(found: list[Results]) -> str:
    """A table of ratios for each suite, a column for each machine and form of our networks."""
    parts = []
    for suite, title in SECTIONS.items():
        parts += _section(found, suite, f"{title}: PyTorch's better layout / ours", ratio)
    for suite in ("infer", "infer-single"):
        parts += _section(found, suite, f"{SECTIONS[suite]}: ONNX Runtime / ours", _beside_onnx)
    parts += _section(found, "overhead", "One recorded op: ours / PyTorch", _recorded, mean=False)
    parts += _section(found, "memory", "Largest resident set: ours / PyTorch", _memory)
    parts += _section(found, "memory", "Largest resident set: fused layers / unfused", _fused)
    return "\n\n".join(parts) + "\n" if parts else "no ratios\n"


def _columns(found: list[Results], suite: str) -> list[tuple[str, list[Case], str]]:
    """Name, cases and our side of each column."""
    columns = []
    for results in found:
        cases = [case for case in results["cases"] if case["suite"] == suite]
        bases = [OURS, LAYERED] if suite == "memory" else [n for n in SIDES if any(n in bases_of(c) for c in cases)]
        for base in bases:
            form = f", {SIDES[base].form}" if cases and cases[0]["task"]["kind"] == "net" else ""
            columns.append((f"{report.name_of(results)}{form}", cases, base))
    return columns


def _section(
    found: list[Results], suite: str, title: str, cell: Callable[[Case, str], Any], mean: bool = True
) -> list[str]:
    """A heading and a table, or nothing if no machine has figures."""
    columns = []
    for name, cases, base in _columns(found, suite):
        values = {case["name"]: value for case in cases if (value := cell(case, base)) is not None}
        if values:
            columns.append((name, {k: v["median"] if isinstance(v, dict) else v for k, v in values.items()}))
    names = list(dict.fromkeys(name for _, values in columns for name in values))
    if not names:
        return []
    rows = [[name, *(f"{values[name]:.2f}" if name in values else "-" for _, values in columns)] for name in names]
    if mean and len(names) > 1:
        rows.append(["geometric mean", *(f"**{geometric_mean(values.values()):.2f}**" for _, values in columns)])
    large = [name for name in names if name.split()[0] in LARGE]
    if cell is _beside_onnx and len(large) == len(LARGE):
        rows.append([f"of {', '.join(LARGE)}", *(_mean_of(large, values) for _, values in columns)])
    return [f"**{title}**", table(["", *(name for name, _ in columns)], rows)]


def _mean_of(names: list[str], values: dict[str, float]) -> str:
    return f"**{geometric_mean(values[name] for name in names):.2f}**" if set(names) <= values.keys() else "-"


def _beside_onnx(case: Case, base: str) -> Any:
    return ratio(case, base, "onnxruntime")


def _recorded(case: Case, base: str) -> Any:
    return pairwise(case["sides"], base, LAYOUTS[0])


def _peak(case: Case, *names: str) -> Cell:
    """The smallest of the sides' largest resident sets, in bytes."""
    entries = [case["sides"].get(name, {}) for name in names]
    return min((entry["peak_bytes"] for entry in entries if "peak_bytes" in entry), default=None)


def _memory(case: Case, base: str) -> Cell:
    ours, theirs = _peak(case, base), _peak(case, *LAYOUTS)
    return ours / theirs if ours and theirs else None


def _fused(case: Case, base: str) -> Cell:
    fused, unfused = _peak(case, base), _peak(case, "ours-unfused")
    return fused / unfused if base == LAYERED and fused and unfused else None


def newest(found: list[Results]) -> list[Results]:
    """Of each class of machine the newest results; old ones only of a class that has no others."""
    best: dict[str, Results] = {}
    for results in sorted(found, key=lambda r: (not r.get("old"), r["runs"][0]["date"]), reverse=True):
        if any(case["suite"] == "train" for case in results["cases"]):
            best.setdefault(results["machine"]["class"], results)
    return list(best.values())


def short(found: list[Results]) -> str:
    """The README's table: of each machine milliseconds of a training step, ours and PyTorch's, and their ratio."""
    machines = newest(found)
    if not machines:
        raise ValueError("bench: these results hold no training steps. Measure some with --only train/.")
    columns = [_short_column(results) for results in machines]
    names = list(dict.fromkeys(name for column in columns for name in column))
    notes = [f"{report.name_of(results)}, {SIDES[_base(results)].form} networks" for results in machines]
    head = ["network [batch]", *(word for note in notes for word in (f"{note}: ours, ms", "PyTorch", "ratio", "MB"))]
    rows = [[name, *(word for column in columns for word in column.get(name, ["-"] * 4))] for name in names]
    return table(head, rows) + "\n\n" + "\n".join(_overheads(machines)) + "\n"


def _base(results: Results) -> str:
    """Our side in the training steps: functions, in old results layers."""
    first = next(case for case in results["cases"] if case["suite"] == "train")
    return (bases_of(first) or [OURS])[0]


def _short_column(results: Results) -> dict[str, list[str]]:
    base, found = _base(results), {}
    memory = {case["name"]: case for case in results["cases"] if case["suite"] == "memory"}
    for case in results["cases"]:
        rival, sides = better_layout(case["sides"]), case["sides"]
        if case["suite"] == "train" and base in sides and rival:
            times = [number(sides[name]["seconds"]["median"] * 1e3, 3) for name in (base, rival)]
            value = ratio(case, base)
            peaks = memory.get(case["name"], {"sides": {}})
            ours, theirs = _peak(peaks, base), _peak(peaks, *LAYOUTS)
            sizes = f"{ours / 1e6:.0f} : {theirs / 1e6:.0f}" if ours and theirs else "-"
            found[case["name"]] = [*times, f"{value['median']:.2f}" if value else "-", sizes]
    return found


def _overheads(machines: list[Results]) -> list[str]:
    lines = []
    for results in machines:
        for case in results["cases"]:
            sides = case["sides"]
            if case["suite"] == "overhead" and case["name"] == "forward" and {OURS, LAYOUTS[0]} <= sides.keys():
                ours, theirs = (sides[n]["seconds"]["median"] / case["per"] * 1e6 for n in (OURS, LAYOUTS[0]))
                lines.append(
                    f"A single op on ten numbers, recorded: {number(ours, 2)} microseconds, PyTorch "
                    f"{number(theirs, 2)} ({results['machine']['class']})."
                )
    return lines
