"""check_picture: the contracts that every picture keeps, on the example that its function is registered with."""

from __future__ import annotations

import copy
import inspect
import io
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .case import require
from .contract_report import ContractError, ContractReport, held

Draw = Callable[..., Any]


def _call(draw: Any, args: tuple[Any, ...], **more: Any) -> Any:
    return draw(*args, **draw.options, **more)


def _pixels(figure: Any) -> bytes:
    memory = io.BytesIO()
    figure.savefig(memory, format="rgba")
    return memory.getvalue()


def _state(value: Any) -> Any:
    """All of an argument that a picture must leave as it was."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if hasattr(value, "state_dict") and hasattr(value, "named_modules"):
        flags = [module.training for _, module in value.named_modules()]
        hooks = [module._hooks is None for _, module in value.named_modules()]
        draws = [str(rng.bit_generator.state) for rng in value.generators()]
        grads = [None if p.grad is None else p.grad.tobytes() for p in value.parameters()]
        return {k: v.tobytes() for k, v in value.state_dict().items()}, flags, hooks, draws, grads
    if isinstance(value, (list, tuple)):
        return [_state(part) for part in value]
    return copy.deepcopy(value) if isinstance(value, (dict, str, int, float)) else None


def gives_a_figure(draw: Any) -> int:
    """It returns a matplotlib figure that can be saved, all of whose words are on the page."""
    figure = _call(draw, draw.example())
    require(hasattr(figure, "savefig") and hasattr(figure, "axes"), f"it returned {type(figure).__name__}.")
    require(figure.axes and _pixels(figure), "the figure is empty.")
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
    require(inside, f"words reach beyond the page: {box} in {width} x {height} pixels.")
    return 3


def leaves_its_arguments(draw: Any) -> int:
    """Models keep weights, modes, gradients, hooks and generators; arrays keep their values."""
    args = draw.example()
    before = [_state(a) for a in args]
    _call(draw, args)
    for k, (now, then) in enumerate(zip(map(_state, args), before, strict=True)):
        require(now == then, f"argument {k} was changed.")
    return len(args)


def repeats(draw: Any) -> int:
    """Drawn twice, it is the same picture to the pixel."""
    require(_pixels(_call(draw, draw.example())) == _pixels(_call(draw, draw.example())), "two drawings differ.")
    return 1


def draws_where_asked(draw: Any) -> int:
    """With ``ax=`` it draws into these axes, and leaves other axes of their figure alone.

    A picture of several panels has no `ax`: its function says so by not naming one.
    """
    if "ax" not in inspect.signature(draw).parameters:
        require(len(_call(draw, draw.example()).axes) > 1, "it has one panel, but takes no ax=.")
        return 1
    from matplotlib.figure import Figure

    page = Figure()
    mine, other = page.subplots(1, 2)
    figure = _call(draw, draw.example(), ax=mine)
    require(figure is page, "it did not return the figure of the given axes.")
    require(mine.has_data() or mine.texts or mine.child_axes or len(page.axes) > 2, "nothing was drawn there.")
    require(not other.has_data() and not other.texts, "it drew into other axes too.")
    return 3


def leaves_pyplot_alone(draw: Any) -> int:
    """It opens no window and leaves no figure behind."""
    from matplotlib import _pylab_helpers as open_figures

    before = len(open_figures.Gcf.figs)
    _call(draw, draw.example())
    require(len(open_figures.Gcf.figs) == before, "it left a figure open in pyplot.")
    return 1


CONTRACTS: dict[str, Callable[[Any], int]] = {
    "gives a figure": gives_a_figure,
    "leaves its arguments": leaves_its_arguments,
    "repeats": repeats,
    "draws where asked": draws_where_asked,
    "leaves pyplot alone": leaves_pyplot_alone,
}


def check_picture(draw: Draw) -> ContractReport:
    """Run all contracts of a function that draws, registered with `plots.picture`.

    Raises
    ------
    ContractError : one is broken, or the function is not registered; the message names function and contract.
    """
    name = getattr(draw, "__name__", repr(draw))
    if not hasattr(draw, "example"):
        raise ContractError(
            f"{name}: there is no example to draw. Register it: @plots.picture(lambda: (network(), images())), "
            "with a function that gives its arguments."
        )
    counts = {contract: held(name, contract, None, partial(run, draw)) for contract, run in CONTRACTS.items()}
    return ContractReport(name, Counter(counts))
