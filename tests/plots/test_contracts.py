"""Every picture of the package keeps the contracts of pictures; a new one is enrolled by being exported."""

import inspect

import pytest

from tinygrad_cnn import plots
from tinygrad_cnn.plots.examples import images, network
from tinygrad_cnn.plots.figures import one_axis
from tinygrad_cnn.testing import ContractError, check_picture

pytestmark = pytest.mark.level("default")

ELSEWHERE = {"histograms"}  # draws a recording, in test_plots_training.py
DRAWN = [
    name for name, value in sorted(vars(plots).items())
    if inspect.isfunction(value) and "Figure" in str(value.__annotations__.get("return", ""))
    and name not in ELSEWHERE
]  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_picture_keeps_its_contracts(name, record_property):
    report = check_picture(getattr(plots, name))
    record_property("checks", report.checks)
    assert len(report.counts) == 5


def test_they_are_the_registered_ones():
    assert set(DRAWN) <= plots.examples.PICTURES.keys() and len(DRAWN) >= 9


def test_every_public_function_says_what_it_returns():
    functions = {name: value for name, value in vars(plots).items() if inspect.isfunction(value)}
    silent = sorted(name for name, value in functions.items() if "return" not in value.__annotations__)
    assert not silent, f"annotate what {', '.join(silent)} returns; a picture, which is checked here, returns a Figure"


def good(model, x, *, ax=None):
    figure, axes = one_axis(ax, 4, 3)
    axes.plot(x.ravel())
    return figure


def no_figure(model, x, *, ax=None):
    return x


def trains(model, x, *, ax=None):
    model.eval()
    return good(model, x, ax=ax)


def writes(model, x, *, ax=None):
    x += 1
    return good(model, x, ax=ax)


def ignores_ax(model, x, *, ax=None):
    return good(model, x)


def one_panel(model, x):
    return good(model, x)


def pyplots(model, x, *, ax=None):
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    pyplot.figure()
    return good(model, x, ax=ax)


def restless(model, x, *, ax=None, calls=[0]):  # noqa: B006
    calls[0] += 1
    return good(model, x * calls[0] ** 2 + calls[0], ax=ax)


def off_the_page(model, x, *, ax=None):
    figure = good(model, x, ax=ax)
    figure.axes[0].text(2.0, 0.5, "far away", transform=figure.axes[0].transAxes)
    figure.set_layout_engine("none")
    return figure


@pytest.fixture
def register():
    yield plots.picture(lambda: (network(), images()))
    for fn in (good, no_figure, trains, writes, ignores_ax, one_panel, pyplots, restless, off_the_page):
        plots.examples.PICTURES.pop(fn.__name__, None)
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.mark.level("thorough")
@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (no_figure, "it returned ndarray"), (trains, "argument 0 was changed"), (writes, "argument 1 was changed"),
        (ignores_ax, "figure of the given axes"), (one_panel, "it has one panel, but takes no ax="),
        (pyplots, "left a figure open"), (restless, "two drawings differ"), (off_the_page, "beyond the page"),
    ],
)  # fmt: skip
def test_a_wrong_picture_is_rejected(draw, words, register):
    assert check_picture(register(good)).checks
    with pytest.raises(ContractError, match=words):
        check_picture(register(draw))


def test_a_picture_without_an_example_is_told_what_to_add():
    with pytest.raises(ContractError, match=r"<lambda>: there is no example to draw. Register it: @plots.picture"):
        check_picture(lambda: None)
