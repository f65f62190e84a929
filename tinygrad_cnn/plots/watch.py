"""Weights and gradients over time: a recorder for `tg.fit`, and the picture of what it recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import whole
from ..autodiff.outside import deprecated
from ..core.errors import describe, nearest
from ..insight.stats import stats
from . import figures
from .probe import check_model, listed

__all__ = ["Watch", "histograms"]

FORMAT = "tinygrad-cnn watch 1"
KINDS = ("weights", "gradients")
LARGEST = 1e300  # what is beyond counts as that, so that the width of a range stays finite


@named
class Watch:
    """Keeps histograms of a model's parameters and their gradients, one record an epoch.

    ::

        watch = tg.plots.Watch()
        tg.fit(model, data, epochs=10, callbacks=[watch])
        tg.plots.histograms(watch).savefig("weights.png")

        text = json.dumps(watch.to_json())                        # for a file of the run
        watch = tg.plots.Watch.from_json(json.loads(text), model)   # a resumed run goes on recording

    As a callback of `fit` it records after each epoch, and a run keeps its records; in a loop of your own call
    ``watch.record(epoch)`` before `zero_grad`.  Gradients are those that `.grad` holds at that time: in `fit`, of the
    epoch's last update.  A parameter without a gradient has no record of it.  An epoch that is recorded twice has
    its last record.

    Parameters
    ----------
    model : the Module to watch; None for the one that `fit` trains, or for a recording that is only read.
    bins : of each histogram, which reaches from the smallest to the largest finite value of its epoch.

    Attributes
    ----------
    records : list of ``{"epoch": int, "weights": {path: RECORD}, "gradients": {path: RECORD}}``, by epoch, with
        RECORD = ``tg.insight.stats.stats(array).to_json()`` with a finer histogram: ``{"shape", "dtype", "mean",
        "std", "min", "max", "zeros", "nan", "inf", "norm", "histogram": {"low", "high", "counts"}}``, the histogram
        None where no value is finite.
    """

    def __init__(self, model: Any = None, *, bins: int = 60) -> None:
        self.model = None if model is None else check_model("Watch", model)
        self.bins = whole("Watch", "bins", bins, 2)
        self.records: list[dict[str, Any]] = []

    def on_start(self, training: Any) -> None:
        """Watch the model that is trained, unless another was given."""
        if self.model is None:
            self.model = training.model

    def on_epoch(self, training: Any) -> None:
        """Record the epoch that has ended."""
        self.record(training.epoch)

    def state_dict(self) -> dict[str, Any]:
        """The records, which a run's checkpoint keeps."""
        return self.to_json()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the records of another time."""
        self.records = Watch.from_json(state).records

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Record under ``row["epoch"]``; the former way in which `fit` called it."""
        if not isinstance(row, Mapping) or "epoch" not in row:
            raise TypeError(f"Watch: is called with a row that has an 'epoch', got {describe(row)}. "
                            "In a loop of your own call watch.record(epoch).")  # fmt: skip
        deprecated("Watch: calling it with a row", "fit(callbacks=[watch]), or watch.record(epoch)")
        self.record(int(row["epoch"]))

    def record(self, epoch: int) -> None:
        """Keep what weights and gradients are now, under this number."""
        if self.model is None:
            raise ValueError("Watch: has no model to record. Give it one: Watch(model), or from_json(data, model).")
        parameters = dict(self.model.named_parameters())
        entry = {
            "epoch": int(epoch),
            "weights": {name: _summarise(p.data, self.bins) for name, p in parameters.items()},
            "gradients": {name: _summarise(p.grad, self.bins) for name, p in parameters.items() if p.grad is not None},
        }
        self.records = sorted([r for r in self.records if r["epoch"] != epoch] + [entry], key=lambda r: r["epoch"])

    def to_json(self) -> dict[str, Any]:
        """The recording as dicts, lists, strings and finite numbers, for ``json.dumps``."""
        return {"format": FORMAT, "bins": self.bins, "records": self.records}

    @classmethod
    def from_json(cls, data: Any, model: Any = None) -> Watch:
        """The recording that `to_json` gave; with a model it goes on.

        Raises
        ------
        ValueError : it is not a recording, or of another version.
        """
        known = data.get("format") if isinstance(data, Mapping) else None
        if known != FORMAT:
            raise ValueError(f"Watch.from_json: the format is {known!r}, this version reads {FORMAT!r}.")
        try:
            watch = cls(model, bins=data["bins"])
            for entry in data["records"]:
                kept = {kind: {str(n): _checked(r) for n, r in entry[kind].items()} for kind in KINDS}
                watch.records.append({"epoch": int(entry["epoch"]), **kept})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"Watch.from_json: the recording is damaged: {type(error).__name__} {error}.") from error
        return watch

    def figure(self, **options: Any) -> Any:
        """The picture: `histograms` of this recording."""
        return histograms(self, **options)

    def __repr__(self) -> str:
        return f"<Watch of {len(self.records)} epochs>"


def _summarise(values: Any, bins: int) -> dict[str, Any]:
    """One array as a RECORD (see `Watch`): its statistics, with a histogram fine enough to be drawn."""
    array = np.asarray(values)
    record = stats(array).to_json()
    if record["min"] is None:
        return record | {"histogram": None}
    low, high = max(record["min"], -LARGEST), min(record["max"], LARGEST)
    if not high - low > 1e-12 * max(abs(low), abs(high)):  # one value: a narrow range around it
        margin = 1e-6 * abs(low) or 1e-6
        low, high = low - margin, high + margin
    counts, _ = np.histogram(np.clip(array[np.isfinite(array)].astype(np.float64), low, high), bins, (low, high))
    return record | {"histogram": {"low": low, "high": high, "counts": counts.tolist()}}


def _checked(record: Any) -> dict[str, Any]:
    found = record["histogram"]
    if found is not None and not (math.isfinite(found["low"]) and found["low"] < found["high"] and found["counts"]):
        raise TypeError(f"a histogram from {found['low']!r} to {found['high']!r}")
    return dict(record)


def histograms(watch: Any, *, layers: Any = None, biases: bool = False) -> Any:
    """How weights and gradients spread, layer by layer, over the epochs.

    A column of each picture is one epoch's histogram, darkest where its fullest bin is, white where it is empty; two
    lines are at the mean plus and minus one standard deviation.  Weights are on the left, gradients on the right, each
    as far as four deviations reach.  A cross marks epochs in which some values were not finite.

    Parameters
    ----------
    watch : a `Watch`, or what its `to_json` gave.
    layers : paths of parameters or of layers (all that begin so); by default those with at least two axes.
    biases : whether the default takes parameters of one axis too.

    Raises
    ------
    ValueError : nothing was recorded, or no parameter is of that name.
    """
    recording = watch if isinstance(watch, Watch) else Watch.from_json(watch)
    if not recording.records:
        raise ValueError("histograms: nothing was recorded. Train with callbacks=[watch] for at least one epoch.")
    names = _chosen(recording, layers, biases)
    shown, left_out = names[:MOST], len(names) - MOST
    epochs = [entry["epoch"] for entry in recording.records]
    fig = figures.figure(6, 1.15 * len(shown) + 0.9)
    axes = fig.subplots(len(shown), 2, sharex=True, squeeze=False)
    for row, name in zip(axes, shown, strict=True):
        for ax, kind in zip(row, KINDS, strict=True):
            _panel(ax, epochs, [entry[kind].get(name) for entry in recording.records])
        row[0].set_title(name, fontsize=9, loc="left", parse_math=False)
    for ax, kind in zip(axes[-1], KINDS, strict=True):
        ax.set_xlabel(f"epoch ({kind})", fontsize=9)
    note = f"; {left_out} more left out" if left_out > 0 else ""
    fig.suptitle("Weights and gradients by layer", fontsize=12, fontweight="bold")
    fig.supxlabel(f"dark: many values of that epoch; lines: mean ± standard deviation{note}", fontsize=8,
                  color=figures.QUIET)  # fmt: skip
    return fig


MOST = 8  # parameters in one picture


def _chosen(recording: Watch, layers: Any, biases: bool) -> list[str]:
    known = dict.fromkeys(name for entry in recording.records for name in entry["weights"])
    if layers is None:
        shapes = {name: entry["weights"][name]["shape"] for entry in recording.records for name in entry["weights"]}
        names = [name for name in known if biases or len(shapes[name]) > 1] or list(known)
    else:
        names = []
        for layer in [layers] if isinstance(layers, str) else list(layers):
            below = [name for name in known if name == layer or name.startswith(f"{layer}.")]
            if not below:
                raise ValueError(f"histograms: no parameter {layer!r}.{nearest(str(layer), known)} "
                                 f"There are {listed(known)}.")  # fmt: skip
            names += below
    if not names:
        raise ValueError("histograms: the recording has no parameters. Was the model empty?")
    return list(dict.fromkeys(names))


def _panel(ax: Any, epochs: list[int], records: list[dict[str, Any] | None]) -> None:
    """One parameter's histograms side by side, on the values that most of them have."""
    from matplotlib.ticker import MaxNLocator

    found = [(epoch, record) for epoch, record in zip(epochs, records, strict=True) if record is not None]
    counted = [(epoch, record) for epoch, record in found if record["histogram"] is not None]
    ax.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if not counted:
        ax.text(0.5, 0.5, "no finite value" if found else "none recorded", transform=ax.transAxes, ha="center",
                va="center", color=figures.QUIET, fontsize=8)  # fmt: skip
        ax.set_yticks([])
        return
    reach = max(max(abs(r["mean"] - 4 * r["std"]), abs(r["mean"] + 4 * r["std"])) for _, r in counted)
    low = max(-reach, min(r["histogram"]["low"] for _, r in counted))
    high = min(reach, max(r["histogram"]["high"] for _, r in counted))
    low, high = (low, high) if low < high else (low - 1e-6, high + 1e-6)
    edges = np.linspace(low, high, 41)
    for epoch, record in counted:
        density = _rebinned(record["histogram"], edges)
        shade = np.sqrt(density / (density.max() or 1.0))  # the root, so that rare values are seen
        ax.pcolormesh([epoch - 0.5, epoch + 0.5], edges, shade[:, None], cmap="Blues", vmin=0, vmax=1,
                      rasterized=True)  # fmt: skip
    for side in (-1, 1):
        line = [record["mean"] + side * record["std"] for _, record in counted]
        ax.plot([epoch for epoch, _ in counted], line, color=figures.VERMILION, lw=1.2)
    ax.set_ylim(low, high)
    ax.axhline(0, color=figures.QUIET, lw=0.6, ls=":")
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    ax.yaxis.get_offset_text().set_fontsize(7)
    bad = [epoch for epoch, record in found if record["nan"] or record["inf"]]
    if bad:
        ax.plot(bad, [0.06] * len(bad), "x", color="black", ms=5, clip_on=False,
                transform=ax.get_xaxis_transform(), label="NaN or inf")  # fmt: skip
        ax.legend(frameon=False, fontsize=7, loc="upper right")


def _rebinned(histogram: dict[str, Any], edges: np.ndarray) -> np.ndarray:
    """The counts of other bins, each old bin spread evenly over its width."""
    counts = np.asarray(histogram["counts"], np.float64)
    own = np.linspace(histogram["low"], histogram["high"], len(counts) + 1)
    below = np.interp(edges, own, np.concatenate([[0.0], np.cumsum(counts)]))
    return np.diff(below)
