"""The sections of a report that look into the network: graph, layers, weights and their histories, time of a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graphs.png import png_uri
from ...insight import Profile, profile, summary
from ...insight.numbers import amount, memory
from ...insight.sanity import preserved
from ...nn import Module
from ...ops import softmax_cross_entropy
from ...train import predict
from .facts import Facts
from .pixels import BLUE, VERMILION, pixels, signed

MOST_FILTERS = 64
MOST_WATCHED = 8
PROFILED = 64  # images in the step that is profiled
MEASURED = 32  # images in the step whose graph is drawn
PIXELS = 2**17  # of all images of such a step, so that photographs take no minutes
LARGEST = 3_000_000  # characters of the graph's page
PATIENCE = 0.3  # seconds for its repeats
SHOWN = 12  # ops in the table of times

# -- weights --------------------------------------------------------------------------------------------------


def filters(facts: Facts) -> dict[str, Any] | None:
    """The first layer of windows: in colours if it sees colours, else signed, summed over channels."""
    if facts.model is None:
        return None
    banks = [(path, p.data) for path, p in facts.model.named_parameters() if p.data.ndim == 4]
    if not banks:
        raise ValueError("the network has no convolution")
    path, w = banks[0]
    height, width, channels, count = w.shape
    w = w[..., :MOST_FILTERS]
    reach = float(np.nanmax(np.abs(w))) if w.size else 0.0
    if channels == 3:
        tiles = [pixels(0.5 + w[..., k] / (2 * reach or 1.0)) for k in range(w.shape[-1])]
    else:
        flat = w.sum(axis=2)
        reach = float(np.nanmax(np.abs(flat)))
        tiles = [signed(flat[..., k], reach) for k in range(w.shape[-1])]
    return {
        "path": path, "size": f"{height} x {width}", "channels": channels, "count": count,
        "tiles": [png_uri(tile) for tile in tiles], "reach": f"{reach:.3g}", "colour": channels == 3,
    }  # fmt: skip


def watched(facts: Facts) -> list[dict[str, Any]]:
    """For each parameter two pictures, weights and gradients: a column an epoch, darker where there are more values."""
    if facts.watched is None or not facts.watched.records:
        return []
    records = facts.watched.records
    names = [n for n, r in records[-1]["weights"].items() if len(r["shape"]) > 1] or list(records[-1]["weights"])
    chosen = names if len(names) <= MOST_WATCHED else [names[round(k)] for k in
                                                      np.linspace(0, len(names) - 1, MOST_WATCHED)]  # fmt: skip
    return [
        {"path": name, "shape": " x ".join(map(str, records[-1]["weights"][name]["shape"])),
         "panels": [panel for kind in ("weights", "gradients") if (panel := _panel(records, kind, name))]}
        for name in chosen
    ]  # fmt: skip


def _panel(records: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any] | None:
    found = [(r["epoch"], r[kind][name]) for r in records if name in r[kind]]
    finite = [one for _, one in found if one["histogram"] is not None]
    if not finite:
        return None
    reach = max(abs(one["mean"]) + 4 * one["std"] for one in finite)
    low = max(-reach, min(one["histogram"]["low"] for one in finite))
    high = min(reach, max(one["histogram"]["high"] for one in finite))
    edges = np.linspace(low, high if high > low else low + 1e-6, 49)
    sheet = np.zeros((48, len(found), 4), np.uint8)
    sheet[..., :3] = BLUE if kind == "weights" else VERMILION
    for k, (_, one) in enumerate(found):
        if (h := one["histogram"]) is not None:
            own = np.linspace(h["low"], h["high"], len(h["counts"]) + 1)
            density = np.diff(np.interp(edges, own, np.cumsum([0, *h["counts"]])))[::-1]
            sheet[:, k, 3] = np.rint(255 * np.sqrt(density / (density.max() or 1)))
    last = found[-1][1]
    return {
        "kind": kind, "image": png_uri(sheet), "low": f"{edges[0]:.2g}", "high": f"{edges[-1]:.2g}",
        "first": found[0][0], "last": found[-1][0], "bad": sum(bool(one["nan"] or one["inf"]) for _, one in found),
        "words": f"mean {last['mean']:.2g}, deviation {last['std']:.2g}" if last["mean"] is not None else "",
    }  # fmt: skip


# -- the network ----------------------------------------------------------------------------------------------


def layers(facts: Facts) -> dict[str, Any] | None:
    """The table of `tg.summary`."""
    if facts.model is None:
        return None
    found = summary(facts.model, input_shape(facts))
    rows = [
        {"path": row.path or "(model)", "kind": row.kind, "depth": row.path.count("."),
         "output": row.note or ("" if row.output is None else " x ".join(map(str, row.output[1:]))),
         "numbers": [f"{row.parameters:,}" if row.parameters else "", f"{row.macs:,}" if row.macs else "",
                     memory(row.bytes) if row.bytes else ""]}
        for row in found.rows
    ]  # fmt: skip
    total = [f"{found.total_parameters:,}", f"{found.total_macs:,}", memory(found.total_bytes)]
    shape = " x ".join(map(str, found.input_shape[1:]))
    return {"rows": rows, "total": total, "flop": amount(found.total_flop), "input": shape}


def input_shape(facts: Facts) -> tuple[int, ...]:
    """(H, W, C) of one image.

    Raises
    ------
    ValueError : nobody has said it.
    """
    shape = facts.settings.get("input_shape")
    if shape is not None:
        return tuple(int(n) for n in shape)
    if facts.images is not None:
        return tuple(facts.images.shape[1:])
    raise ValueError("the run's settings do not say the shape of an image; give data: tg.report(run, test=data)")


def step(facts: Facts) -> dict[str, Any] | None:
    """Where the time of one training step goes, op by op; the model is left as it was."""
    if facts.model is None or facts.images is None or facts.guesses is None or facts.labels is None:
        return None
    x = few(facts.images, PROFILED)
    y = facts.labels[: len(x)]
    with preserved(facts.model):
        facts.model.train()
        runs: list[Profile] = []
        while len(runs) < 5 and sum(one.seconds for one in runs) < PATIENCE:  # the first fetch memory and code
            facts.model.zero_grad()
            with profile() as found:
                softmax_cross_entropy(facts.model(x), y).backward()
            runs.append(found)
    found = min(runs, key=lambda one: one.seconds)
    lines = found.by_op()
    total = sum(line.seconds for line in lines) or 1.0
    rows = [
        {"op": line.op, "phase": line.phase, "calls": line.calls, "ms": f"{1e3 * line.seconds:.3f}",
         "share": line.seconds / total, "gflops": f"{line.gflops:.1f}" if line.flop else ""}
        for line in lines[:SHOWN]
    ]  # fmt: skip
    return {"rows": rows, "more": len(lines) - len(rows), "batch": len(x), "ms": f"{1e3 * found.seconds:.2f}",
            "peak": memory(found.peak_bytes)}  # fmt: skip


class Step(Module):
    """A network with the loss behind it, so that its graph is the one that training differentiates."""

    def __init__(self, network: Module, labels: np.ndarray) -> None:
        self.network, self.labels = network, labels

    def forward(self, images: Any) -> Any:
        return softmax_cross_entropy(self.network(images), self.labels)


def graph(facts: Facts) -> dict[str, Any] | None:
    """The network's graph: as a page to use, where that can be made, and as a picture for paper."""
    if facts.model is None:
        return None
    from ...graphs.render import render

    found: dict[str, Any] = {"page": None, "svg": None}
    with facts.attempt("the graph as a page to use"):
        found["page"] = _measured(facts)
    with facts.attempt("the graph as a picture"):
        svg = _drawn(facts)
        if not svg:
            svg = render(_plain(facts, facts.settings.get("model")).source, "svg").decode()
        found["svg"] = svg[svg.index("<svg") :]
    return found if found["page"] or found["svg"] else None


def _measured(facts: Facts) -> str:
    """The page of the graph: of a training step with its values and gradients where data are known, if that fits."""
    from ... import graphs
    from ...graphs import page

    title = str(facts.settings.get("model") or facts.name)
    if facts.images is not None and facts.labels is not None and facts.guesses is not None:
        images = few(facts.images, MEASURED)
        step = Step(facts.model, facts.labels[: len(images)])
        with preserved(facts.model):
            step.train()
            drawing = graphs.draw(step, images, show=("shapes", "values", "grads"),
                               title=f"{title}: one step on {len(images)} images")  # fmt: skip
        predict(facts.model, images[:1])  # layers remember where they ran last: not below a `Step`
        text = page.html(drawing.scene.to_json(), drawing.scene.title or title)
        if len(text) < LARGEST:
            return text
    drawing = _plain(facts, title)
    text = page.html(drawing.scene.to_json(), title)
    if len(text) >= LARGEST:
        raise ValueError(f"it takes {len(text) / 1e6:.1f} MB, more than a page to send should have: tinygrad-cnn draw")
    return text


def _plain(facts: Facts, title: str | None) -> Any:
    """The drawing of the network alone, as it predicts."""
    from ... import graphs

    with preserved(facts.model):
        facts.model.eval()
        return graphs.draw(facts.model, np.zeros((1, *input_shape(facts)), np.float32), title=title)


def few(images: np.ndarray, most: int) -> np.ndarray:
    """The first images of a step that takes no long time; two at least, for layers that compare them."""
    size = int(np.prod(images.shape[1:3])) or 1
    return images[: max(2, min(most, PIXELS // size))]


def _drawn(facts: Facts) -> str:
    """The picture that the run's folder has already."""
    file = facts.run.path / "graph.svg"
    return file.read_text(encoding="utf-8") if file.exists() else ""
