"""Tables of a run in Markdown, and where they go in a document."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tinygrad_cnn.insight.numbers import number
from tinygrad_cnn.io import atomic_write

from .contest import CALM
from .sides import LAYOUTS, OURS, SIDES

BEGIN, END = "<!-- benchmark: begin (printed by tinygrad-cnn bench) -->", "<!-- benchmark: end -->"

TITLES = {
    "train": "Training step (forward, loss, backward, SGD with momentum)",
    "infer": "Inference",
    "conv": "Convolution kernels",
    "op": "Single ops, forward and both ways",
    "overhead": "Overhead of one recorded op on 10 elements",
    "batch": "Growth with the batch, training step",
    "side": "Growth with the side of one image, training step",
    "depth": "Growth with depth, forward and backward",
    "threads": "Growth with threads, training step",
}
BUSY = (
    "**The machine was not calm.** Threads that spin while they wait (OpenMP's, hence PyTorch's) lose far "
    "more by that than threads that sleep, so ratios at several threads flatter whoever sleeps: measure again, or with "
    "one thread."
)
Results = dict[str, Any]


def better_layout(sides: dict[str, Any]) -> str | None:
    """The PyTorch layout with the shorter median; that one counts."""
    present = [name for name in LAYOUTS if "seconds" in sides.get(name, {})]
    return min(present, key=lambda name: sides[name]["seconds"]["median"], default=None)


def peak(results: Results) -> tuple[float, str] | None:
    """FLOP per second of the best square matrix product or convolution in this run, and whose it is."""
    found = {rate: f"matrix product, {SIDES[name].title}" for name, rate in results["machine"].get("peak", {}).items()}
    for case in results["cases"]:
        if case["suite"] == "conv":
            for name, entry in case["sides"].items():
                if "best" in entry:
                    found[case["flop"] / entry["best"]] = f"convolution {case['name']}, {SIDES[name].title}"
    return max(found.items()) if found else None


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(v) for v in values]
    return math.exp(sum(logs) / len(logs))


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _head(results: Results) -> str:
    machine, settings = results["machine"], results["settings"]
    lines = [
        f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, "
        f"Python {machine['python']}, {machine['system']}. "
        f"Load {machine['load']} before, {machine['load_after']} after. "
        f"{settings['rounds']} rounds of {settings['seconds']} s{', quick' if settings['quick'] else ''}.",
    ]
    best = peak(results)
    if best:
        products = ", ".join(f"{SIDES[name].title} {r / 1e9:.0f}" for name, r in machine.get("peak", {}).items())
        lines.append(
            f"Peak, as the best rate of this run: {best[0] / 1e9:.0f} GFLOP/s ({best[1]}). "
            + (f"Square matrix products reach: {products}. " if products else "")
            + (f"np.copyto reads and writes {machine['bandwidth'] / 1e9:.0f} GB/s." if "bandwidth" in machine else "")
        )
    others = [e["others"] for case in results["cases"] for e in case["sides"].values() if "others" in e]
    if others:
        lines.append(f"Other processes kept {statistics.mean(others):.1f} cores busy meanwhile.")
        if statistics.mean(others) > CALM:
            lines.append(BUSY)
    lines.append("")
    for name, side in results["sides"].items():
        lines.append(f"- {SIDES[name].title}: {'absent: ' + side['absent'] if 'absent' in side else side['version']}")
    return "\n".join(lines)


def _time(case: dict[str, Any], entry: dict[str, Any], scale: float) -> str:
    if "seconds" not in entry:
        return "-"
    middle, low, high = (entry["seconds"][k] / case["per"] * scale for k in ("median", "low", "high"))
    return f"{number(middle, 3)} ± {number((high - low) / 2, 3)}"


def _ratio(case: dict[str, Any]) -> str:
    name = better_layout(case["sides"])
    ratio = case["sides"].get(name, {}).get("ratio") if name else None
    return f"**{ratio['median']:.2f}** ({ratio['low']:.2f}..{ratio['high']:.2f})" if ratio else "-"


def _best(case: dict[str, Any]) -> str:
    """The ratio of the shortest times: what noise has touched least."""
    sides = case["sides"]
    times = [sides[name]["best"] for name in LAYOUTS if "best" in sides.get(name, {})]
    return f"{min(times) / sides[OURS]['best']:.2f}" if times and "best" in sides.get(OURS, {}) else "-"


def _rate(case: dict[str, Any], name: str | None) -> str:
    entry = case["sides"].get(name, {}) if name else {}
    return f"{case['flop'] / entry['seconds']['median'] / 1e9:.0f}" if "seconds" in entry and case["flop"] else "-"


def _names(cases: list[dict[str, Any]]) -> list[str]:
    return [name for name in SIDES if any("seconds" in case["sides"].get(name, {}) for case in cases)]


def _times(suite: str, cases: list[dict[str, Any]]) -> str:
    scale, unit = (1e6, "us an op") if cases[0]["task"]["kind"] == "chain" else (1e3, "ms")
    names = _names(cases)
    head = [unit, *(SIDES[name].title for name in names), "PyTorch / ours", "of the best times"]
    rated = any(case["flop"] for case in cases) and suite != "threads"
    rows = []
    for case in cases:
        row = [case["name"], *(_time(case, case["sides"].get(name, {}), scale) for name in names)]
        row += [_ratio(case), _best(case)]
        rows.append(row + ([_rate(case, OURS), _rate(case, better_layout(case["sides"]))] if rated else []))
    text = table(head + (["GFLOP/s ours", "PyTorch"] if rated else []), rows)
    return "\n\n".join([text, *_means(suite, cases), *_absences(cases)])


def _means(suite: str, cases: list[dict[str, Any]]) -> list[str]:
    if suite not in ("train", "infer", "conv", "op"):
        return []
    groups: dict[str, list[float]] = {}
    for case in cases:
        name = better_layout(case["sides"])
        if name and "ratio" in case["sides"][name]:
            batch = "at batch 1" if case["name"].endswith("[1]") else "at their batch"
            key = batch if suite in ("train", "infer") else ""
            groups.setdefault(key, []).append(case["sides"][name]["ratio"]["median"])
    words = [f"{key} {geometric_mean(values):.2f}x".strip() for key, values in groups.items()]
    return [f"Geometric mean, PyTorch's better layout over ours: {', '.join(words)}."] if words else []


def _absences(cases: list[dict[str, Any]]) -> list[str]:
    """Why a side that is here has no figure."""
    why = {
        f"{SIDES[name].title}, {case['name']}: {entry['absent']}"
        for case in cases
        for name, entry in case["sides"].items()
        if "absent" in entry
    }
    return ["\n".join(f"- absent: {line}" for line in sorted(why))] if why else []


def _losses(cases: list[dict[str, Any]]) -> str:
    """Loss of the first and of a later step, of all sides: they compute the same thing."""
    names = _names(cases)
    rows = []
    for case in cases:
        losses = [case["sides"].get(name, {}).get("losses") or [] for name in names]
        last = min((len(own) for own in losses if own), default=0)
        values = [f"{own[0]:.4f} {own[last - 1]:.4f}" if own else "-" for own in losses]
        rows.append([f"{case['name']}, steps 1 and {last}", *values])
    return table(["loss", *(SIDES[name].title for name in names)], rows)


def _memory(cases: list[dict[str, Any]]) -> str:
    names = [name for name in SIDES if any("peak_bytes" in case["sides"].get(name, {}) for case in cases)]
    rows = [
        [case["name"]]
        + [
            f"{entry['peak_bytes'] / 1e6:.0f} ({entry['import_bytes'] / 1e6:.0f})" if "peak_bytes" in entry else "-"
            for entry in (case["sides"].get(name, {}) for name in names)
        ]
        for case in cases
    ]
    return table(["MB, training", *(SIDES[name].title for name in names)], rows)


def _footprint(results: Results) -> str:
    rows = []
    for name, entry in results["footprint"].items():
        if "absent" not in entry and name != "ours-numpy":
            rows.append([
                SIDES[name].title.split()[0] if name == "pytorch" else SIDES[name].title,
                f"{entry['import'] * 1e3:.0f}", f"{entry['import_numpy'] * 1e3:.0f}",
                f"{entry['bytes'] / 1e6:.1f}", f"{entry['bytes_numpy'] / 1e6:.1f}",
            ])  # fmt: skip
    return table(["", "import, ms beyond NumPy's", "NumPy's import, ms", "own packages, MB", "NumPy, MB"], rows)


def markdown(results: Results) -> str:
    """All tables of a run."""
    parts = [_head(results)]
    for suite, title in TITLES.items():
        cases = [case for case in results["cases"] if case["suite"] == suite]
        if cases:
            parts += [f"### {title}", _times(suite, cases)]
        if cases and suite == "train":
            parts.append(_losses(cases))
    memory = [case for case in results["cases"] if case["suite"] == "memory"]
    if memory:
        parts += ["### Largest resident set (of it after the import)", _memory(memory)]
    if results.get("footprint"):
        parts += ["### Import and size", _footprint(results)]
    return "\n\n".join(parts) + "\n"


def put_into(path: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Replace what stands between the two marks of a document.

    Raises
    ------
    ValueError : the document lacks the marks.
    """
    old = path.read_text(encoding="utf-8")
    before, first, rest = old.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"bench: {path} lacks the lines {begin!r} and {end!r} between which the tables go.")
    with atomic_write(path, "w") as file:
        file.write(f"{before}{begin}\n{text}{end}{after}")
