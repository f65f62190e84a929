"""The how-to pages work: each one's code runs from top to bottom, in a folder of its own."""

import re
import sys
import types
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs" / "how_to").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page, tmp_path, monkeypatch):
    import tinygrad_cnn as tg
    from tinygrad_cnn.kernels.examples import EXAMPLES
    from tinygrad_cnn.plots.examples import PICTURES

    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    assert blocks
    (tmp_path / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    known = [(table, set(table)) for table in (tg.registry, EXAMPLES, PICTURES)]
    try:
        module = types.ModuleType("page")  # as if it were imported, so that its classes can be pickled
        monkeypatch.setitem(sys.modules, "page", module)
        exec(compile("\n".join(blocks), tmp_path / "page.py", "exec"), vars(module))
    finally:
        for table, names in known:  # what a page registered must not reach other tests
            for name in set(table) - names:
                del table[name]
