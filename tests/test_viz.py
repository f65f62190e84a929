"""tg.viz, the old name of tg.graphs and tg.plots, still works for a release and says what to write instead."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import graphs, plots

NAMES = [(part, name) for part in (graphs, plots) for name in vars(part) if name.isidentifier() and name[0] != "_"]


@pytest.mark.parametrize("part, name", NAMES, ids=[name for _, name in NAMES])
def test_every_name_of_both_is_there_with_a_warning(part, name):
    new = f"tg.{part.__name__.rpartition('.')[2]}.{name}"
    with pytest.warns(DeprecationWarning, match=rf"tg.viz.{name} is deprecated .* Use {new}\."):
        assert getattr(tg.viz, name) is getattr(part, name)


def test_names_can_be_imported_from_it():
    with pytest.warns(DeprecationWarning, match="Use tg.plots.curves"):
        from tinygrad_cnn.viz import curves
    assert curves is plots.curves and "curves" in dir(tg.viz)


def test_a_name_that_never_was_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tg.viz.nothing  # noqa: B018
