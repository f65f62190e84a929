"""What a picture says of what was measured: lines that fit, fills, warnings, legend, details."""

import json
import math
import re

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.graphs import scale
from tinygrad_cnn.graphs.badges import DEAD, SHOWABLE, VANISHING, Badges, asked
from tinygrad_cnn.graphs.calls import watching
from tinygrad_cnn.graphs.labels import WIDEST
from tinygrad_cnn.graphs.measure import measure
from tinygrad_cnn.insight.numbers import brief

pytestmark = pytest.mark.level("default")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((16, 8)).astype(np.float32)


def badges(run, show="all", **options):
    """The badges of a watched run, and its ops by name (of equal names the last)."""
    with watching() as watched:
        y = run()
    found = Badges(measure([y], asked(show), watched=watched, **options), asked(show))
    return found, {node.op.name: node for node in found._m.order if node.op is not None}


def leaf(*shape, value=None):
    values = np.full(shape, value, np.float32) if value is not None else RNG.standard_normal(shape).astype(np.float32)
    return tg.Tensor(values, requires_grad=True)


@pytest.mark.parametrize("show", ["values", ["values", "cost"], {"grads"}, (), "all"])
def test_what_can_be_asked_for(show):
    words = {show} if isinstance(show, str) else set(show)
    assert asked(show) == (set(SHOWABLE) if show == "all" else words)


@pytest.mark.parametrize(
    ("show", "words"),
    [
        ("grad", "show='grad' is unknown. Did you mean grads?"),
        (["values", "colour"], "show='colour' is unknown. There are shapes, values"),
        (True, "show=True is unknown"),
        ([3], "show=3 is unknown"),
    ],
)
def test_other_words_are_refused(show, words):
    with pytest.raises(ValueError) as caught:
        asked(show)
    assert words in str(caught.value) and "There are shapes, values, grads" in str(caught.value)


def test_the_lines_of_an_op():
    w, b = leaf(8, 5), leaf(5)
    found, ops = badges(lambda: tg.linear(X, w, b).sum())
    value = np.asarray(X @ w.data + b.data, np.float64)
    lines = found.lines([ops["linear"]])
    mean = brief(round(value.mean(), 2 - math.floor(math.log10(value.std()))))
    assert lines[0] == f"{mean} ± {brief(value.std())} [{brief(value.min())}, {brief(value.max())}]"
    assert set(lines[1]) <= set("▁▂▃▄▅▆") and len(lines[1]) == 12
    assert lines[2:4] == [f"grad norm {brief(math.sqrt(80))}", "all 1"]
    assert lines[4:6] == ["45 parameters", "640 multiply-adds"]
    assert lines[6].endswith("%)") and re.match(r"[\d.]+ \+ [\d.]+ (µs|ms|s) \(", lines[6])
    assert found.lines([ops["sum"]])[1:3] == ["grad norm 1", "= 1"]
    assert "80 FLOP" in found.lines([ops["sum"]])
    assert found.notes == ["time is that of the forward pass + that of the backward pass, of one run"]


@pytest.mark.parametrize("show", [word for word in SHOWABLE if word != "shapes"])
def test_each_word_brings_its_own_lines_only(show):
    model = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3, rng=0))
    found, ops = badges(lambda: tg.exp(model(X.reshape(2, 8, 8, 1))).sum(), show)
    lines = [line for node in ops.values() for line in found.lines([node])]
    signs = {"values": "±", "grads": "grad norm", "params": "parameters", "cost": "multiply-adds", "time": "s (",
             "memory": " kept"}  # fmt: skip
    for word, sign in signs.items():
        assert any(sign in line for line in lines) == (word == show or (word, show) == ("values", "grads")), word
    assert not any(found.warnings([node]) for node in ops.values())


def test_no_line_is_too_wide():
    rough = np.array([-1.2345e-15, 3.456e-15, 9.87e-12, -2.3e-12, 0], np.float32)
    w = tg.Tensor(np.tile(rough, (16, 1)), requires_grad=True)
    found, ops = badges(lambda: tg.relu(w * rough * 1e20 + rough).sum() * 1e-30)
    lines = [line for node in found._m.order for line in (*found.lines([node]), *found.warnings([node]))]
    assert len(lines) > 20 and max(map(len, lines)) <= WIDEST
    module = [*found.lines(list(ops.values())), *found.warnings(list(ops.values()))]
    assert max(map(len, module)) <= WIDEST


def test_a_module_adds_up():
    a, b = leaf(8, 4), leaf(4, 4)
    found, ops = badges(lambda: tg.matmul(tg.relu(tg.matmul(X, a)), b).sum())
    nodes = [n for n in found._m.order if n.op is None or n.op.name != "sum"]
    single = [found.details([n]) for n in nodes]
    whole = found.details(nodes)
    assert whole["params"] == 48 and "48 parameters" in found.lines(nodes)
    assert whole["cost"]["flop"] == sum(d["cost"]["flop"] for d in single if d["cost"])
    assert whole["seconds"] == pytest.approx(sum(d["seconds"] for d in single if d["seconds"]))
    assert whole["memory"] == sum(d["memory"] for d in single if d["memory"])
    assert whole["values"] == found.details([ops["matmul"]])["values"]  # the last one's is what the module returns
    norms = [found._m.gradients[n].norm for n in nodes if n.op is not None]
    assert f"grad norm {brief(min(norms))} to {brief(max(norms))}" in found.lines(nodes)
    assert found.details([ops["relu"]])["params"] is None and not any("param" in x for x in found.lines([ops["relu"]]))


def test_a_parameter_that_two_ops_share_counts_once():
    w = leaf(8, 8)
    found, _ = badges(lambda: tg.matmul(tg.matmul(X, w), w).sum(), "params")
    assert found.lines(found._m.order) == ["64 parameters"]


def test_an_example_input_is_no_parameter():
    x, w = leaf(16, 8), leaf(8, 2)
    found, ops = badges(lambda: tg.matmul(x, w), "params", inputs={x.node})
    assert found.lines([ops["matmul"]]) == ["16 parameters"]


def test_details_are_json_whatever_the_values():
    w = tg.Tensor(np.array([0.0, 1.0, -1.0], np.float32), requires_grad=True)
    with np.errstate(all="ignore"):
        found, _ = badges(lambda: tg.log(w).sum())
    for node in found._m.order:
        details = json.loads(json.dumps(found.details([node]), allow_nan=False))
        assert details.keys() == {"values", "gradient", "cost", "seconds", "memory", "params", "warnings"}
    json.dumps(found.details(found._m.order), allow_nan=False)
    unknown = Badges(measure([w * 2.0], ()), ()).details([w.node])
    assert unknown["values"] is unknown["gradient"] is unknown["seconds"] is None and unknown["params"] == 3


# -- warnings -------------------------------------------------------------------------------------------------


def test_nan_is_told_where_it_begins():
    w = tg.Tensor(np.array([1.0, -1.0, 2.0, 0.0], np.float32), requires_grad=True)
    found, ops = badges(lambda: tg.sin(tg.log(w) * 2.0).sum())
    assert found.warnings([ops["log"]])[:2] == ["NaN begins here (25%)", "Inf begins here (25%)"]
    assert found.warnings([ops["mul"]])[:2] == ["NaN in values (25%)", "Inf in values (25%)"]
    assert found.warnings([ops["sin"]])[0] == "NaN in values (50%)"
    assert "NaN in gradient (50%)" in found.warnings([ops["mul"]])
    assert found.fill([ops["mul"]]) == scale.BROKEN and (scale.BROKEN, "NaN or Inf") in found.legend
    assert "3 × NaN in values" in found.warnings([ops["log"], ops["mul"], ops["sin"]])
    assert found.fill(list(ops.values())) == scale.BROKEN


def test_dead_relus_are_told_with_their_share():
    h = np.abs(X) + 0.1
    h[:, :5] *= -1
    found, ops = badges(lambda: tg.relu(leaf(16, 8, value=1) * h).sum(), "values")
    assert found.warnings([ops["relu"]]) == ["dead relu: 62% of 8 units"] and DEAD < 5 / 8
    assert found.warnings([ops["mul"]]) == []
    h[:, 4] *= -1
    found, ops = badges(lambda: tg.relu(leaf(16, 8, value=1) * h).sum(), "values")
    assert found.warnings([ops["relu"]]) == [] and DEAD == 4 / 8


def deep(factor, depth=12):
    def run():
        h = leaf(16, 8)
        for _ in range(depth):
            h = h * np.float32(factor)
        return h.sum()

    return run


def test_vanishing_and_exploding_gradients():
    found, _ = badges(deep(0.3), "grads")
    told = [found.warnings([node]) for node in found._m.order if node.op is not None]
    assert told[0][0].startswith("vanishing gradient (x ") and told[1] and not told[-1] and not told[-5]
    assert [bool(t) for t in told] == sorted((bool(t) for t in told), reverse=True)
    found, _ = badges(deep(4.0), "grads")
    told = [found.warnings([node]) for node in found._m.order if node.op is not None]
    assert told[0][0].startswith("exploding gradient (x ") and not told[-1]
    found, _ = badges(deep(0.9), "grads")
    assert not any(found.warnings([node]) for node in found._m.order) and VANISHING < 0.9**12


def test_a_gradient_of_zero():
    x = leaf(4, value=-1)
    found, ops = badges(lambda: tg.relu(tg.sin(x) - 5.0).sum(), "grads")
    assert found.warnings([ops["sub"]]) == found.warnings([x.node]) == ["gradient is zero"]
    assert found.warnings([ops["relu"]]) == [] and found.fill([x.node]) == scale.NOTHING
    assert (scale.NOTHING, "zero") in found.legend


def test_an_empty_tensor():
    x = leaf(0, 3)
    found, ops = badges(lambda: tg.exp(x))
    assert found.warnings([ops["exp"]]) == found.warnings([x.node]) == ["no elements"]


# -- colours --------------------------------------------------------------------------------------------------


def test_gradients_are_coloured_on_a_logarithmic_scale_with_a_legend():
    found, _ = badges(deep(0.3), ["grads", "time", "values"])
    fills = [found.fill([node]) for node in found._m.order if node in found._m.gradients]
    assert len(set(fills)) > 8 and set(fills) >= {colour for colour, _ in (found.legend[0], found.legend[-1])}
    assert fills[0] == scale.colour(0)  # the leaf, whose gradient is smallest
    largest = max(g.norm for g in found._m.gradients.values())
    assert len(found.legend) == 5 and found.legend[0][1].startswith("gradient norm ")
    assert found.legend[-1] == (scale.colour(1), brief(largest))
    assert found.fill(found._m.order) in fills  # the one in the middle


@pytest.mark.parametrize(("show", "what"), [("time", "time"), ("memory", "memory kept"), ("cost", "FLOP")])
def test_other_things_are_coloured_by_their_share_of_the_whole(show, what):
    a, b = leaf(8, 200), leaf(200, 1)
    found, ops = badges(lambda: tg.matmul(tg.sigmoid(tg.matmul(X, a)), b).sum(), ["values", show])
    assert found.legend[0][1].startswith(f"0% of the {what}") and found.legend[2][1].startswith("25%")
    assert found.fill(list(ops.values()))
    assert found.fill(found._m.order) == scale.colour(1) == found.legend[-1][0]
    assert found.fill([a.node]) is None


def test_without_these_boxes_keep_their_colour():
    found, ops = badges(lambda: tg.sin(leaf(3)).sum(), ["values", "params", "shapes"])
    assert found.legend == [] and found.fill([ops["sin"]]) is None


@pytest.mark.level("thorough")
def test_the_work_of_measuring_grows_as_the_graph_does(count_calls):
    def work(n):
        y = leaf(4)
        with watching() as watched:
            for _ in range(n):
                y = tg.sin(y)

        def read():
            found = Badges(measure([y], asked("all"), watched=watched), asked("all"))
            for node in found._m.order:
                found.lines([node]), found.fill([node]), found.warnings([node])

        return count_calls(read)

    work(300)  # imports
    assert work(10_000) < 4.4 * work(2500)
