"""Tables of a run in Markdown, and where they go in a document."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tinygrad_cnn.insight.numbers import number
from tinygrad_cnn.io import atomic_write

from .cases import RATIOS
from .contest import CALM, pairwise
from .sides import BF16, LAYERED, LAYOUTS, OURS, SIDES

BEGIN, END = "<!-- benchmark: begin (printed by tinygrad-cnn bench) -->", "<!-- benchmark: end -->"

TITLES = {
    "train": "Training step (forward, loss, backward, SGD with momentum)",
    "more": "Training step of other networks",
    "single": "Training step, one image",
    "infer": "Inference",
    "infer-single": "Inference, one image",
    "one-thread": "Training step, one thread",
    "avx2": "Training step, every side held to AVX2",
    "bf16": "Training step, bf16 inside products",
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


def rivals_of(suite: str) -> tuple[str, str]:
    """PyTorch's two layouts, in the precision of the suite."""
    return BF16 if suite == "bf16" else LAYOUTS


def bases_of(case: dict[str, Any]) -> list[str]:
    """Our sides that a case compares with PyTorch: functions, layers, or what uses bf16; those that have times."""
    names = ("ours-medium",) if case["suite"] == "bf16" else (OURS, LAYERED)
    return [name for name in names if "seconds" in case["sides"].get(name, {})]


def better_layout(sides: dict[str, Any], names: Iterable[str] = LAYOUTS) -> str | None:
    """The PyTorch layout with the shorter median; that one counts."""
    present = [name for name in names if "seconds" in sides.get(name, {})]
    return min(present, key=lambda name: sides[name]["seconds"]["median"], default=None)


def ratio(case: dict[str, Any], base: str, rival: str | None = None) -> dict[str, float] | None:
    """A rival's time over that of one of our sides; by default PyTorch's in its better layout."""
    rival = rival or better_layout(case["sides"], rivals_of(case["suite"]))
    return pairwise(case["sides"], rival, base) if rival else None


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


def name_of(results: Results) -> str:
    """The class of the machine and the day, with a mark if the results are old."""
    old = ", old" if results.get("old") else ""
    return f"{results['machine']['class']}, {results['runs'][0]['date'].split()[0]}{old}"


def _machine(machine: dict[str, Any]) -> str:
    page = machine.get("page")
    facts = {
        "pages of": f"{page / 1024:g} KiB" if page else None, "transparent huge pages:": machine.get("huge_pages"),
        "malloc:": machine.get("malloc"), "kernels by": machine.get("compiler"), "Python": machine["python"],
    }  # fmt: skip
    words = [f"{name} {value}" for name, value in facts.items() if value]
    return f"{machine['cpu']}, {machine['cores']} cores, {', '.join(words)}, {machine['system']}."


def _runs(runs: list[dict[str, Any]]) -> str:
    """When, with which settings, and how busy the machine was."""
    kinds = {
        f"{run['rounds']} rounds of {run['seconds']} s, threads: {run['threads']}{', quick' if run['quick'] else ''}"
        + (f", {run['revision']}" if run.get("revision") else "")
        for run in runs
    }
    first, last = runs[0]["date"], runs[-1]["date"]
    loads = [load for run in runs for load in (run["load"], run["load_after"]) if load is not None]
    spread = f" Load {min(loads)} to {max(loads)}." if loads else ""
    return f"{first if first == last else f'{first} to {last}'}; {'; '.join(sorted(kinds))}.{spread}"


def _head(results: Results) -> str:
    machine = results["machine"]
    lines = [f"**Old:** {results['old']}"] if results.get("old") else []
    lines += [_machine(machine), _runs(results["runs"])]
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
        form = f" ({side['form']})" if SIDES[name].module in ("ours", "pytorch") and "form" in side else ""
        lines.append(f"- {SIDES[name].title}{form}: {side.get('version') or 'absent: ' + side['absent']}")
    return "\n".join(lines)


def _time(case: dict[str, Any], entry: dict[str, Any], scale: float) -> str:
    if "seconds" not in entry:
        return "-"
    middle, low, high = (entry["seconds"][k] / case["per"] * scale for k in ("median", "low", "high"))
    return f"{number(middle, 3)} ± {number((high - low) / 2, 3)}"


def words_of(ratio: dict[str, float] | None) -> str:
    return f"**{ratio['median']:.2f}** ({ratio['low']:.2f}..{ratio['high']:.2f})" if ratio else "-"


def _best(case: dict[str, Any], base: str) -> str:
    """The ratio of the shortest times: what noise has touched least."""
    sides = case["sides"]
    times = [sides[name]["best"] for name in rivals_of(case["suite"]) if "best" in sides.get(name, {})]
    return f"{min(times) / sides[base]['best']:.2f}" if times and "best" in sides.get(base, {}) else "-"


def _rate(case: dict[str, Any], name: str | None) -> str:
    entry = case["sides"].get(name, {}) if name else {}
    return f"{case['flop'] / entry['seconds']['median'] / 1e9:.0f}" if "seconds" in entry and case["flop"] else "-"


def _names(cases: list[dict[str, Any]]) -> list[str]:
    return [name for name in SIDES if any("seconds" in case["sides"].get(name, {}) for case in cases)]


def _times(suite: str, cases: list[dict[str, Any]]) -> str:
    scale, unit = (1e6, "us an op") if cases[0]["task"]["kind"] == "chain" else (1e3, "ms")
    names = _names(cases)
    bases = [name for name in SIDES if any(name in bases_of(case) for case in cases)]
    runtime = "onnxruntime" in names
    rated = any(case["flop"] for case in cases) and suite != "threads"
    head = [unit, *(SIDES[name].title for name in names)]
    for base in bases:
        head += [f"PyTorch / {_short(base)}", *(["of the best times"] if base == bases[0] else [])]
    head += [f"ONNX Runtime / {_short(bases[0])}"] if runtime and bases else []
    rows = []
    for case in cases:
        row = [case["name"], *(_time(case, case["sides"].get(name, {}), scale) for name in names)]
        for base in bases:
            row += [words_of(ratio(case, base)), *([_best(case, base)] if base == bases[0] else [])]
        row += [words_of(ratio(case, bases[0], "onnxruntime"))] if runtime and bases else []
        base = bases[0] if bases else OURS
        rates = [_rate(case, base), _rate(case, better_layout(case["sides"], rivals_of(suite)))]
        rows.append(row + (rates if rated else []))
    text = table(head + (["GFLOP/s ours", "PyTorch"] if rated else []), rows)
    return "\n\n".join([text, *means(suite, cases), *_absences(cases)])


def _short(base: str) -> str:
    """A word for one of our sides."""
    return {OURS: "ours", LAYERED: "layers"}.get(base, "ours in bf16")


def means(suite: str, cases: list[dict[str, Any]]) -> list[str]:
    """The geometric mean of the ratios of a suite, for each of our sides (of AVX2 for each number of threads)."""
    if suite not in RATIOS:
        return []
    groups: dict[str, list[float]] = {}
    for case in cases:
        for base in bases_of(case):
            found = ratio(case, base)
            key = _short(base) + (f" with {case['threads']} threads" if suite == "avx2" else "")
            if found:
                groups.setdefault(key, []).append(found["median"])
    words = [f"{key} {geometric_mean(values):.2f}x" for key, values in groups.items()]
    return [f"Geometric mean, PyTorch's better layout over {', over '.join(words)}."] if words else []


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
