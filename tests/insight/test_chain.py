"""tg.explain: the chain rule of one graph, told step by step, with norms from a pass that changes nothing."""

import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.insight import formulas


@pytest.fixture
def a():
    return tg.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="a")


def norm(x):
    return float(np.linalg.norm(x))


@pytest.fixture
def lenet():
    net = tg.models.lenet((28, 28, 1), 10, rng=0)
    images = np.random.default_rng(0).random((4, 28, 28, 1)).astype(np.float32)
    return net, tg.softmax_cross_entropy(net(images), np.arange(4))


def test_each_step_names_op_module_formula_shapes_and_norm(lenet):
    net, loss = lenet
    filters = next(net.parameters())
    told = tg.explain(loss, wrt=filters)
    assert [s.number for s in told.steps] == list(range(1, 12))
    assert [s.op for s in told.steps[:2]] == ["softmax_cross_entropy", "linear"]
    assert (told.steps[-1].op, told.steps[-1].path) == ("conv2d", "features.0")
    assert told.steps[-1].parts[0].formula.plain == "conv2d_dw(x, g)"
    assert told.steps[-1].parts[0].shape == (5, 5, 1, 6)
    assert "models" in told.steps[-1].site or "test_chain.py" in told.steps[-1].site
    text = str(told)
    assert repr(told) == text  # which is what a terminal shows
    assert re.search(r"^ +2  linear \(head\.4\) +0\.\d+ +g @ w\.T +x \(4, 84\)$", text, re.M)
    assert "w = features.0.weight (5, 5, 1, 6)" in text
    loss.backward()
    assert told.norm == pytest.approx(norm(filters.grad), rel=1e-6)
    assert f"norm {told.norm:.4g}" in text


def test_norms_are_those_of_the_cotangents_and_nothing_is_changed(a):
    b = (a * a).retain_grad()
    c = tg.sin(b)
    seen = []
    b.register_hook(seen.append)
    y = c.sum()
    told = tg.explain(y, wrt=a)
    assert not seen and a.grad is None and b.grad is None
    assert any("Hooks" in note for note in told.notes)
    y.backward()  # all that was saved is still there
    wanted = {"sum": 1.0, "sin": norm(np.ones(3)), "mul": norm(b.grad)}
    assert {s.op: s.norm for s in told.steps} == pytest.approx(wanted)
    assert told.norm == pytest.approx(norm(a.grad))


def test_where_paths_meet_gradients_are_said_to_be_added(a):
    b = a + a
    told = tg.explain((tg.sin(b) + b * b).sum(), wrt=a)
    last = told.steps[-1]
    assert (last.op, sorted(last.sources)) == ("add", [3, 4, 4])
    assert last.norm == pytest.approx(norm(np.cos(b.data) + 2 * b.data))
    assert "paths meet: the g of step 5 is the sum of what steps 3 and 4 (twice) pass on" in str(told)
    assert "it is the sum of what step 5 passes on twice" in str(told)


def test_a_second_order_graph_and_the_three_faces_of_convolution():
    images, filters = tg.randn(1, 5, 5, 1, rng=0), tg.randn(3, 3, 1, 2, rng=1, requires_grad=True, name="filters")
    first = tg.grad(tg.tanh(tg.conv2d(images, filters)).sum(), filters, create_graph=True)
    told = tg.explain((first * first).sum(), wrt=filters)
    faces = told.faces()
    assert faces[0] == "step 3 (conv2d_dw, in dy): the face in g, conv2d"
    assert faces[1:] == ["step 8 (conv2d, in w): the face in w, conv2d_dw"]
    for text in (str(told), told.markdown, told.html):
        assert "Convolution is trilinear" in text
    assert told.norm == pytest.approx(norm(tg.grad((first * first).sum(), filters)), rel=1e-5)
    assert "trilinear" not in str(tg.explain(images.sum() + filters.sum(), wrt=filters))


def test_faces_of_fused_and_transposed_convolution():
    x, w = tg.randn(1, 4, 4, 2, rng=0, requires_grad=True), tg.randn(3, 3, 2, 2, rng=1, requires_grad=True)
    assert "the face in x" in tg.explain(tg.registry["conv2d_relu"](x, w).sum(), wrt=x).faces()[0]
    assert "the face in g" in tg.explain(tg.conv_transpose2d(x, w).sum(), wrt=x).faces()[0]
    assert "the face in w" in tg.explain(tg.conv_transpose2d(x, w).sum(), wrt=w).faces()[0]


def test_what_was_broadcast_is_summed(a):
    told = tg.explain((a * tg.Tensor([[2.0], [1.0]])).sum(), wrt=a)
    assert told.steps[-1].parts[0].summed
    assert "a (3,), summed to it" in str(told)
    assert told.norm == pytest.approx(norm([3.0, 3.0, 3.0]))


def test_a_result_on_the_way_and_the_result_itself(a):
    b = a * 2.0
    y = tg.exp(b).sum()
    assert [s.op for s in tg.explain(y, wrt=b).steps] == ["sum", "exp"]
    assert tg.explain(y, wrt=b).norm == pytest.approx(norm(np.exp(b.data)))
    assert "x is y itself: its gradient is the cotangent g, of norm 1" in str(tg.explain(y, wrt=y))


def test_the_cotangent_of_many_numbers_is_drawn_with_a_fixed_seed_or_given(a):
    told = tg.explain(a * 2.0, wrt=a)
    assert told.norm == tg.explain(a * 2.0, wrt=a).norm
    assert "weighted sum" in str(told) and "fixed seed" in str(told)
    assert tg.explain(a * 2.0, wrt=a, grad=[1, 0, 0]).norm == pytest.approx(2.0)
    assert not tg.explain(a * 2.0, wrt=a, grad=[1, 0, 0]).notes


def test_after_backward_shapes_and_formulas_stay_and_missing_norms_are_explained(a):
    y = tg.sin(a * a).sum()
    y.backward()  # released here
    told = tg.explain(y, wrt=a)
    assert [s.op for s in told.steps] == ["sum", "sin", "mul"]
    assert [s.norm is None for s in told.steps] == [False, False, True]
    assert told.norm is None
    text = str(told)
    assert "g * cos(x)" in text
    assert re.search(r"missing from step 2 on: what sin saved .* released by the backward at .*test_chain", text)
    assert "a norm that could not be measured" in text


def test_an_assignment_after_the_forward_is_told(a):
    y = (a * a).sum()
    a.assign([0.0, 0.0, 0.0])
    assert "assigned to afterwards" in "".join(tg.explain(y, wrt=a).notes)


def test_without_a_path_it_says_why_and_where_it_was_cut(a):
    hidden = a * 2.0
    cut = (tg.stop_gradient(hidden) + tg.Tensor([1.0], requires_grad=True)).sum()  # the cut
    told = tg.explain(cut, wrt=a)
    assert told.steps == [] and told.norm is None
    for text in (str(told), told.html, told.markdown.replace("\\", "")):
        assert "There is none: cut by stop_gradient at " in text
        assert "test_chain.py:" in text
    with tg.no_grad():
        unrecorded = a.sum()
    assert "the loss itself has no history: made under no_grad" in str(tg.explain(unrecorded, wrt=a))
    assert "not on a path" in str(tg.explain(a.sum(), wrt=tg.Tensor([1.0], requires_grad=True)))
    assert "requires_grad=False" in str(tg.explain(a.sum(), wrt=tg.Tensor([1.0])))
    assert "integer dtype: int64" in str(tg.explain(a.sum(), wrt=tg.Tensor([1])))
    assert "the result has an integer dtype" in str(tg.explain(tg.Tensor([1]), wrt=a))


def test_long_chains_are_folded(a):
    y = a
    for _ in range(100):
        y = tg.tanh(y * 1.01)
    told = tg.explain(y.sum(), wrt=a)
    assert len(told.steps) == 201
    lines = str(told).splitlines()
    assert len(lines) < 20
    assert any(re.search(r"steps 4 to 199: the same 2 steps 98 times more; \|g\| from [\d.]+ to ", s) for s in lines)


def test_long_chains_without_repeats_lose_their_middle(a):
    y, ops = a, [tg.sin, tg.cos, tg.tanh, tg.exp, tg.sigmoid, tg.softplus]
    for k in np.random.default_rng(0).integers(0, 6, 60):
        y = ops[k](y)
    told = tg.explain(y.sum(), wrt=a, limit=10)
    rows = told.rows()
    assert len(rows) == 11
    assert "steps 6 to 56: " in str(told)
    assert len(told.steps) == 61


def test_ten_thousand_steps_take_no_recursion(a):
    y = a
    for _ in range(10_000):
        y = -y
    assert tg.explain(y.sum(), wrt=a).norm == pytest.approx(norm(np.ones(3)))


def test_a_checkpoint_is_one_step(a):
    y = tg.checkpoint(lambda t: tg.sin(t * t), a).sum()
    told = tg.explain(y, wrt=a)
    assert [s.op for s in told.steps] == ["sum", "checkpoint"]
    assert told.norm == pytest.approx(norm(np.cos(a.data**2) * 2 * a.data), rel=1e-5)
    assert "transposed Jacobian" in str(told)


def test_nan_and_zero_size_are_shown_as_they_are(a):
    with np.errstate(invalid="ignore"):
        y = tg.log(a - 10.0).sum()
    assert "norm" in str(tg.explain(y, wrt=a))
    empty = tg.Tensor(np.zeros((0, 2), np.float32), requires_grad=True)
    assert tg.explain((empty * 2.0).sum(), wrt=empty).norm == 0.0


def test_arguments_that_make_no_sense_are_refused(a):
    for bad in (3.0, a.data, None):
        with pytest.raises(TypeError, match="explain: y must be a Tensor"):
            tg.explain(bad, wrt=a)
        with pytest.raises(TypeError, match="explain: wrt must be a Tensor"):
            tg.explain(a.sum(), wrt=bad)
    for limit in (0, 2.5, True):
        with pytest.raises((TypeError, ValueError), match=f"limit={limit} must be"):
            tg.explain(a.sum(), wrt=a, limit=limit)
    with pytest.raises(ValueError, match=r"grad is \(2,\).*expected real numbers of y's shape \(3,\)"):
        tg.explain(a * 2.0, wrt=a, grad=[1.0, 2.0])


# -- Markdown and HTML --------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("br", "mo"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "mo":
            assert self.open.pop() == tag


def test_markdown_tables_have_equal_rows_and_formulas_between_dollars(lenet):
    net, loss = lenet
    text = tg.explain(loss, wrt=next(net.parameters())).markdown
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 13
    assert {row.replace("\\|", "").count("|") for row in rows} == {7}
    assert r"$\nabla_{\!w}\langle g,\,x\star w\rangle$" in text


def test_html_is_closed_and_holds_mathml_or_plain_text(lenet, monkeypatch):
    net, loss = lenet
    told = tg.explain(loss, wrt=next(net.parameters()))
    tags = Tags()
    tags.feed(told.html)
    assert not tags.open and "math" in tags.seen and "table" in tags.seen
    assert told._repr_html_() == told.html and told._repr_markdown_() == told.markdown
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)  # as if it were not installed
    tags = Tags()
    tags.feed(told.html)
    assert not tags.open and "math" not in tags.seen
    assert "<code>g @ w.T</code>" in told.html


def test_names_with_marks_of_markup_survive():
    x = tg.Tensor([1.0], requires_grad=True, name="<b>|x|</b> & *y*_`$")
    told = tg.explain((x * 2.0).sum(), wrt=x)
    assert "<b>|x" not in told.html and "&lt;b&gt;" in told.html
    assert r"\<b\>\|x\|" in told.markdown
    assert "<b>|x|</b> & *y*_`$" in str(told)


# -- ops of one's own ---------------------------------------------------------------------------------------------


def _helped(g, x):
    return g * 3 * x


def test_the_formula_of_a_users_op_is_read_from_its_rule(register, a):
    mine = register(lambda x, *, k=2: x**k, name="mine").vjp(x=lambda g, x, k: g * k * x ** (k - 1))
    assert formulas.of(mine)["x"].plain == "g * k * x ** (k - 1)"
    assert formulas.of(mine)["x"].latex == r"g\,k\,x^{k - 1}"
    assert "g * k * x ** (k - 1)" in str(tg.explain(mine(a).sum(), wrt=a))
    mine.vjp(x=lambda g, x: _helped(g, np.sin(x)))
    assert formulas.of(mine)["x"].plain == "g * 3 * sin(x)"


def test_a_formula_registered_beside_a_rule_goes_with_it(register):
    mine = register(lambda x: x * 2, name="mine").vjp(x=lambda g: 2 * g)
    assert mine.formula(x="g + g", y="x + x") is mine
    assert formulas.of(mine)["x"] == ("g + g", "g + g", "registered")
    assert formulas.value(mine).plain == "x + x"
    mine.vjp(x=lambda g: g * 2)
    assert formulas.of(mine)["x"].plain == "g * 2"
    for bad in ("g +", "", 3, "a = b"):
        with pytest.raises(ValueError, match=r"mine\.formula: x=.* is not a Python expression"):
            mine.formula(x=bad)
    with pytest.raises(TypeError, match=r"mine\.formula: no rule for 'z', only for x"):
        mine.formula(z="g")


def test_a_rule_that_is_no_formula_gets_the_general_one(register, a):
    def long_winded(g, x):
        for _ in range(2):
            g = g * x
        return g

    mine = register(lambda x: x * 2, name="mine").vjp(x=long_winded)
    without_source = eval("lambda g: g * 2")
    for rule in (long_winded, without_source, np.negative):
        mine.rules["x"] = rule
        assert formulas.of(mine)["x"].origin == "general"
        assert formulas.of(mine)["x"].plain == "(dy/dx)^T g"
    assert formulas.of(register(lambda x: x, name="bare")) == {}
