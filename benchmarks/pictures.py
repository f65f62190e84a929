"""Pictures of a run: bars of ratios, growth curves, a roofline.  Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.io import atomic_write

from .cases import RATIOS
from .report import Results, bases_of, better_layout, name_of, peak, ratio
from .sides import LAYERED, LAYOUTS, OURS, SIDES

COLOURS = {
    "ours": "#0b6e4f", "ours-layered": "#35a37c", "ours-numpy": "#7fb69e", "pytorch": "#c8553d",
    "pytorch-cl": "#e8a087", "jax": "#4a5fa5", "mygrad": "#b08bbb", "autograd": "#9a9a9a",
}  # fmt: skip


def draw(results: Results, folder: Path) -> list[Path]:
    """Write the pictures that this run has figures for."""
    import matplotlib

    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, picture in (("ratios", _ratios), ("growth", _growth), ("roofline", _roofline)):
        figure = picture(results)
        if figure is not None:
            path = folder / f"{name}.png"
            with atomic_write(path) as file:
                figure.savefig(file, format="png", dpi=110, bbox_inches="tight")
            found.append(path)
    return found


def _note(results: Results) -> str:
    threads = sorted({run["threads"] for run in results["runs"]})
    return f"{name_of(results)}, threads: {', '.join(map(str, threads))}"


def _figure(width: float, height: float, *grid: int, **options: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(*grid, **options)


def _ratios(results: Results) -> Any:
    """How many times as long PyTorch's better layout takes."""
    rows = []
    for case in results["cases"]:
        bases = bases_of(case) if case["suite"] in RATIOS else []
        found = ratio(case, bases[0]) if bases else None
        if found:
            rows.append((f"{case['suite']}: {case['name']}", found))
    if not rows:
        return None
    figure, axes = _figure(9, 1.2 + 0.24 * len(rows))
    middles = np.array([r["median"] for _, r in rows])
    errors_low, errors_high = min(r["low"] for _, r in rows), max(r["high"] for _, r in rows)
    errors = np.array([[r["median"] - r["low"], r["high"] - r["median"]] for _, r in rows]).T
    colours = [COLOURS["ours" if m >= 1 else "pytorch"] for m in middles]
    # lists: matplotlib 3.10 takes an array of one column for a number
    axes.barh(range(len(rows)), middles - 1, left=1, xerr=errors.tolist(), color=colours, height=0.7, ecolor="#444444")
    axes.set_yticks(range(len(rows)), [label for label, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.margins(y=0.01)
    axes.set_xlim(min(0.5, 0.9 * errors_low), max(2, 1.1 * errors_high))
    axes.set_xlabel("time of PyTorch's better layout / ours (right of 1x: ours is faster); bars: quartiles")
    axes.set_title(_note(results), fontsize=8, loc="right")
    axes.grid(axis="x", alpha=0.3)
    return figure


def _growth(results: Results) -> Any:
    """Time against batch, image side, depth and threads; straight and flat where cost grows as work does."""
    from matplotlib.ticker import LogLocator

    suites = {
        "batch": ("batch", "ms an image", 1e3), "side": ("side of the image, pixels", "ns a pixel", 1e9),
        "depth": ("ops in a chain", "us an op", 1e6), "threads": ("threads", "ms a step", 1e3),
    }  # fmt: skip
    suites = {s: v for s, v in suites.items() if any(case["suite"] == s for case in results["cases"])}
    if not suites:
        return None
    rows = (len(suites) + 1) // 2
    figure, grid = _figure(11, 4.2 * rows, rows, 2, squeeze=False)
    for axes in grid.flat[len(suites) :]:
        axes.remove()
    for axes, (suite, (below, beside, scale)) in zip(grid.flat, suites.items(), strict=False):
        curves = _curves(results, suite, scale)
        markers = dict(zip(sorted({net for _, net in curves}), "osv^D", strict=False))
        for (name, net), points in curves.items():
            title = "PyTorch" if net and name in LAYOUTS else SIDES[name].title
            axes.plot(
                *np.transpose(points), marker=markers[net], markersize=4, color=COLOURS[name], label=f"{title} {net}"
            )
        axes.set(xscale="log", yscale="log", xlabel=below, ylabel=beside)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(10, (1.0,) if axis is axes.xaxis else (1.0, 2.0, 5.0)))
            axis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.set_minor_formatter(lambda value, _: "")
        if suite == "threads":
            axes.set_xticks([1, 2], ["1", "2"])
            axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, **({"loc": "center left", "bbox_to_anchor": (1, 0.5)} if suite == "threads" else {}))
    figure.suptitle(_note(results), fontsize=8)
    return figure


def _curves(results: Results, suite: str, scale: float) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Points by side and network; against threads only PyTorch's better layout is drawn, as one curve."""
    curves: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for case in results["cases"]:
        best = better_layout(case["sides"])
        for name, entry in case["sides"].items():
            drawn = suite != "threads" or name in (OURS, LAYERED, best)
            if case["suite"] != suite or "seconds" not in entry or not drawn:
                continue
            key = LAYOUTS[0] if suite == "threads" and name == best else name
            point = (case["x"], scale * entry["seconds"]["median"] / case.get("work", 1))
            curves.setdefault((key, case.get("net", "")), []).append(point)
    return curves


def _roofline(results: Results) -> Any:
    """Achieved GFLOP/s of the convolutions against what the machine can do."""
    machine = results["machine"]
    cases = [case for case in results["cases"] if case["suite"] == "conv"]
    best = peak(results)
    if not cases or not best or "bandwidth" not in machine:
        return None
    roof, bandwidth = best[0] / 1e9, machine["bandwidth"] / 1e9
    figure, axes = _figure(8, 5.5)
    intensity = np.geomspace(0.5, 2000, 200)
    axes.plot(intensity, np.minimum(roof, intensity * bandwidth), color="black", linewidth=1.2)
    axes.annotate(f"best of this run: {roof:.0f} GFLOP/s", (1900, roof * 1.08), ha="right", fontsize=8)
    axes.annotate(f"copy: {bandwidth:.0f} GB/s", (0.55, 0.55 * bandwidth * 3), fontsize=8)
    markers = {"forward": "o", "dx": "<", "dw": ">"}
    for name in (*LAYOUTS, OURS):
        for face, marker in markers.items():
            points = [
                (case["flop"] / case["bytes"], case["flop"] / case["sides"][name]["seconds"]["median"] / 1e9)
                for case in cases
                if case["task"]["face"] == face and "seconds" in case["sides"].get(name, {})
            ]
            if points:
                axes.plot(*np.transpose(points), marker, color=COLOURS[name], markersize=5, alpha=0.8,
                          label=f"{SIDES[name].title}, {face}")  # fmt: skip
    axes.set_ylim(2, 2 * roof)
    axes.set(xscale="log", yscale="log", xlabel="FLOP per byte of inputs and outputs", ylabel="GFLOP/s")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=7, loc="lower right")
    axes.set_title("Convolutions against the machine: " + _note(results), fontsize=8)
    return figure
