"""A program is drawn: calls in their modules, and colours for memory that results share."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import kernels

from . import steps


def test_a_compiled_step_is_drawn():
    step = steps.train(steps.Net, steps.sgd, steps.plain, compiled=True)[1]
    drawing = tg.draw(step, title="a step")
    assert "conv2d" in drawing.source and "Optimizer._update" in drawing.source and "a step" in drawing.source
    assert "hidden.weight" in drawing.source
    fills = {part.split('"')[0] for part in drawing.source.split('fillcolor="')[1:]}
    if "native" in kernels._present:
        assert len(fills) > 5 and "of planned memory" in drawing.source
    assert tg.draw(step).source == tg.draw(step).source


def test_what_has_no_program_is_refused():
    with pytest.raises(ValueError, match="draw: <lambda> has no program yet"):
        tg.draw(tg.compile(lambda x: x * 2))
