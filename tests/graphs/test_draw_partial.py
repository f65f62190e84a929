"""Pictures of forward passes that failed: how far they came, what failed, and where."""

import re

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import insight, models, nn
from tinygrad_cnn.graphs.render import render


def error_of(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


def image(*shape):
    return np.ones(shape, np.float32)


def failed(drawing):
    (box,) = [node.box for node in drawing.scene.nodes if node.box.kind == "failed"]
    return box


def joined(drawing):
    titles = {node.id: node.box.title for node in drawing.scene.nodes}
    return [(titles[edge.tail], titles[edge.head]) for edge in drawing.scene.edges]


def test_the_op_that_failed_is_marked_with_its_message_behind_what_led_to_it():
    x = tg.Tensor(image(3, 4), requires_grad=True, name="x")
    w = tg.Tensor(image(5, 2), requires_grad=True, name="w")
    drawing = tg.draw(error_of(lambda: tg.sin(x) @ w + 1))
    assert joined(drawing) == [("x", "sin"), ("sin", "matmul failed"), ("w", "matmul failed")]
    assert "(3, 4) and b (5, 2)" in " ".join(failed(drawing).warnings)
    (line,) = [line for line in drawing.source.splitlines() if "matmul failed" in line and " [label=" in line[:20]]
    assert "penwidth=4" in line and 'color="#C04E00"' in line
    assert max(map(len, failed(drawing).warnings)) <= 46


def test_the_module_is_named_and_its_classes_are_known():
    def forward(model, x):
        return model(x)

    class Bad(nn.Module):
        def forward(self, x):
            return x @ tg.Tensor(image(7, 7))

    model = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.Tanh()), nn.Flatten(), Bad())
    drawing = tg.draw(error_of(lambda: forward(model, image(1, 8, 8, 1))))
    assert [step.name for step in failed(drawing).path] == ["2"]
    assert "Conv2d" in drawing.source and "Sequential" in drawing.source and "0.0" in drawing.source


def test_a_layer_that_refuses_its_input_is_marked_too():
    model = models.build("lenet", (28, 28, 1), 10, 0)
    drawing = tg.draw(error_of(lambda: model(image(1, 20, 20, 1))), title="too small")
    assert failed(drawing).title == "Linear failed" and [s.name for s in failed(drawing).path] == ["head", "0"]
    assert ("flatten", "Linear failed") in joined(drawing)
    assert "expects rows" in drawing.source and "too small" in drawing.source
    nodes = tg.draw(error_of(lambda: model(image(1, 20, 20, 1))), show="values").scene.to_json()["nodes"]
    told = sorted(n["details"]["op"] or n["details"]["kind"] for n in nodes if n["details"]["values"])
    assert told == ["flatten", *["input"] * told.count("input"), *["parameter"] * 4, "relu", "relu"]


def test_an_error_on_the_way_back_marks_the_op_whose_rule_failed():
    @tg.op(name="draw_test_bad_rule")
    def bad(x):
        return x * 1

    bad.vjp(x=lambda g: 1 / 0)
    try:
        x = tg.Tensor(image(2), requires_grad=True, name="x")
        drawing = tg.draw(error_of(lambda: tg.exp(bad(tg.sin(x))).sum().backward()))
        assert ("sin", "draw_test_bad_rule failed") in joined(drawing)
        assert "in its gradient. ZeroDivisionError" in " ".join(failed(drawing).warnings)
    finally:
        tg.registry.pop("draw_test_bad_rule")


def test_an_error_that_was_raised_from_another_is_followed_to_it():
    def load():
        try:
            tg.Tensor(image(2), requires_grad=True, name="x").reshape(3)
        except ValueError as error:
            raise RuntimeError("the third batch is bad") from error

    assert failed(tg.draw(error_of(load))).title == "reshape failed"


def test_arrays_wrong_arguments_and_anomalies():
    assert failed(tg.draw(error_of(lambda: tg.matmul(image(2, 3), image(2, 3))))).title == "matmul failed"
    x = tg.Tensor(image(1, 4, 4, 1), requires_grad=True, name="x")
    drawing = tg.draw(error_of(lambda: tg.conv2d(tg.exp(x))))
    assert ("exp", "conv2d failed") in joined(drawing) and "input w is missing" in " ".join(failed(drawing).warnings)
    drawing = tg.draw(error_of(lambda: tg.concatenate([tg.exp(x), image(2, 2)])))
    assert ("exp", "concatenate failed") in joined(drawing)

    def overflow():
        with np.errstate(all="ignore"), insight.anomaly():
            tg.log(x - 1).sum()

    assert failed(tg.draw(error_of(overflow))).title == "log failed"


def test_what_a_hook_or_the_anomaly_check_refuses_on_the_way_back_is_drawn():
    x = tg.Tensor(image(2), requires_grad=True, name="x")
    x.register_hook(lambda g: 1 / 0)
    drawing = tg.draw(error_of(tg.exp(x).sum().backward), show="values")
    assert joined(drawing) == [("x", "gradient of x failed")]
    z = tg.Tensor(image(1), requires_grad=True, name="z")
    with np.errstate(all="ignore"):
        y = tg.log(z - 1)
    with insight.anomaly():
        drawing = tg.draw(error_of(y.backward))
    assert joined(drawing) == [("z", "sub"), ("sub", "log failed")]


def test_neither_the_traceback_nor_all_arguments_by_position_are_needed():
    x = tg.Tensor(image(1, 4, 4, 1), requires_grad=True, name="x")
    error = error_of(lambda: tg.conv2d(x=tg.exp(x), padding=1))
    error.__traceback__ = error.__cause__ = error.__context__ = None
    assert joined(tg.draw(error)) == [("x", "exp"), ("exp", "conv2d failed")]


def test_what_came_in_can_be_shown():
    x = tg.Tensor([1.0, 3.0], requires_grad=True, name="x")
    drawing = tg.draw(error_of(lambda: tg.exp(x) @ image(3)), show={"values", "grads", "time"})
    assert "2.72" in drawing.source or "20.1" in drawing.source
    assert "a pass that failed has no grads and no time; values and cost are known" in drawing.scene.notes


def test_a_model_that_fails_while_it_is_drawn_says_how_to_see_it():
    error = error_of(lambda: tg.draw(models.build("lenet", (28, 28, 1), 10, 0), image(1, 20, 20, 1)))
    if hasattr(error, "add_note"):  # Python 3.11
        assert any("tg.draw(error)" in note for note in error.__notes__)
    assert failed(tg.draw(error)).title == "Linear failed"


def test_an_exception_without_an_op_is_refused_in_words():
    with pytest.raises(ValueError, match=re.escape("draw: no op was running when this ZeroDivisionError was raised")):
        tg.draw(error_of(lambda: 1 / 0))
    with pytest.raises(ValueError, match="no op was running when this KeyError"):
        tg.draw(KeyError("never raised"))
    x = tg.Tensor(image(2, 2), requires_grad=True)
    with pytest.raises(ValueError, match="a forward pass that failed has no gradients"):
        tg.draw(error_of(lambda: x @ image(3)), direction="both")
    with pytest.raises(TypeError, match="only a module or function takes example inputs"):
        tg.draw(error_of(lambda: x @ image(3)), x)


def test_a_message_of_any_text_is_drawn():
    @tg.op(name="draw_test_raises")
    def raises(x):
        raise ValueError('<b>"quoted" & \\n \x00 ∂' + "long" * 200)

    try:
        x = tg.Tensor(image(2), requires_grad=True, name="x")
        drawing = tg.draw(error_of(lambda: raises(x)))
        assert len(failed(drawing).warnings) > 5
        assert b"&lt;b&gt;" in render(drawing.source, "svg")
    finally:
        tg.registry.pop("draw_test_raises")
