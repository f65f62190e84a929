"""The graph of the gradients: what it holds, which op of the forward pass made what, and what it starts from."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import GraphError, models, nn


def leaf(name, *shape):
    return tg.Tensor(np.full(shape or (2,), 0.5, np.float32), requires_grad=True, name=name)


def boxes(drawing, kind="op"):
    return [node.box for node in drawing.scene.nodes if node.box.kind == kind]


def numbered(drawing):
    return sorted((b.number, b.title) for b in boxes(drawing))


def test_both_sides_bear_the_same_numbers():
    x, y = leaf("x"), leaf("y")
    drawing = tg.draw(tg.sin(x * y).sum(), direction="both")
    assert numbered(drawing) == [
        ("1", "mul"), ("1'", "mul"), ("1'", "mul"), ("2", "sin"), ("2'", "cos"), ("2'", "mul"), ("3", "sum"),
        ("3'", "broadcast_to"), ("3'", "reshape"),
    ]  # fmt: skip
    frames = {(b.number.endswith("'"), b.frame) for b in boxes(drawing)}
    assert frames == {(False, "forward"), (True, "gradients")}
    assert {"forward", "gradients"} == {m.path for m in drawing.scene.modules.values()}


def test_values_that_rules_need_again_are_named_where_they_are_used():
    x = leaf("x")
    drawing = tg.draw((tg.exp(x) * x).sum(), direction="both")
    signs = {(b.number, b.title) for b in boxes(drawing, "saved")}
    assert signs == {("", "x"), ("1", "exp")}
    found = [b for b in boxes(drawing) if b.look == "found"]
    assert [b.lines[0] for b in found] == ["gradient of x"] and found[0].title == "add"


def test_gradients_that_meet_are_summed_by_no_op_of_the_forward_pass():
    x = leaf("x")
    drawing = tg.draw((tg.sin(x) + tg.cos(x)).sum(), direction="backward")
    (total,) = [b for b in boxes(drawing) if "sum of gradients" in b.lines]
    assert total.title == "add" and total.number == ""
    assert all(b.number.endswith("'") for b in boxes(drawing) if b is not total and b.look != "saved")


def test_backward_shows_the_gradients_of_all_leaves_and_of_nothing_else():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3, rng=0))
    drawing = tg.draw(model, np.ones((2, 8, 8, 1), np.float32), direction="backward")
    assert {b.title for b in boxes(drawing, "gradient")} == {"gradient of weight", "gradient of bias"}
    paths = {".".join(step.name for step in b.path) for b in boxes(drawing, "gradient")}
    assert paths == {"0", "3"}  # they stand in the modules whose parameters they belong to
    assert "gradient of x" not in drawing.source  # an example input is no leaf that anybody trains
    (note,) = drawing.scene.notes
    assert note.startswith("gradients of the output weighed with standard normal numbers (seed 0)")


def test_the_gradients_drawn_are_those_that_are_computed():
    from tinygrad_cnn.graphs.backward import differentiate

    x, w = leaf("x", 2, 6, 6, 1), leaf("w", 3, 3, 1, 2)
    y = tg.relu(tg.conv2d(x, w)).mean()
    found = differentiate([y], [("x", x.node), ("w", w.node)])
    for drawn, real in zip(found.tensors, tg.grad(y, [x, w]), strict=True):
        np.testing.assert_allclose(drawn.data, real)


def test_gradients_of_gradients_are_not_measured_and_said_not_to_be():
    y = tg.exp(leaf("x")).sum()
    notes = tg.draw(y, direction="backward", show={"values", "grads"}).scene.notes
    assert 'grads are told of the forward pass: direction="both" shows it beside' in notes
    assert "grad norm" in tg.draw(y, direction="both", show="grads").source


def test_a_fused_loss_is_differentiated_as_one_op():
    logits = leaf("logits", 4, 3)
    drawing = tg.draw(tg.softmax_cross_entropy(logits, [0, 1, 2, 0]), direction="both")
    assert {b.number for b in boxes(drawing)} == {"1", "1'"}
    assert "alias" not in drawing.source


def test_a_cotangent_can_be_given():
    y = tg.sin(leaf("x"))
    assert "normal" not in tg.draw(y, direction="backward", grad=np.ones(2, np.float32)).source
    with pytest.raises(ValueError, match=r"draw: the cotangent is \(3,\) float32, the output \(2,\)"):
        tg.draw(y, direction="backward", grad=np.ones(3))
    with pytest.raises(ValueError, match="draw: 1 outputs need as many cotangents, got 2"):
        tg.draw(y, direction="backward", grad=[1.0, 2.0])


def test_drawing_leaves_gradients_hooks_and_saved_arrays_alone():
    x = leaf("x")
    h = tg.exp(x)
    h.name = "h"
    h.retain_grad()
    seen = []
    h.register_hook(seen.append)
    loss = (h * h).sum()
    first = tg.draw(loss, direction="both").source
    assert x.grad is None and h.grad is None and not seen
    assert tg.draw(loss, direction="both").source == first
    loss.backward()
    assert len(seen) == 1 and h.grad is not None


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_a_released_graph_says_what_released_it(direction):
    x = leaf("x")
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(GraphError, match=r"draw: the gradients cannot be drawn.*released by the backward at.*retain"):
        tg.draw(loss, direction=direction)


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_without_anything_to_differentiate_it_says_so(direction):
    with pytest.raises(GraphError, match="draw: there are no gradients to draw.*requires_grad=True"):
        tg.draw(tg.Tensor([1.0, 2.0]).sum(), direction=direction)


def test_several_outputs_and_checkpoints_and_a_whole_network():
    x = leaf("x")
    both = tg.draw({"a": tg.sin(x), "b": tg.checkpoint(lambda t: tg.cos(tg.exp(t)), x).sum()}, direction="both")
    assert {"1'", "2'"} <= {b.number for b in boxes(both)}
    drawing = tg.draw(models.build("resnet8", (32, 32, 3), 10, 0), np.ones((2, 32, 32, 3), np.float32),
                      direction="both")  # fmt: skip
    assert drawing.source.count("gradient of") > 0 or any(m.closed for m in drawing.scene.modules.values())
