"""Templates to text: one self-contained file, which fetches nothing."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from ..version import __version__


@cache
def _environment() -> Any:
    """Jinja2, with everything escaped that is not marked as our own markup."""
    try:
        import jinja2
    except ImportError:
        raise ImportError("pages need Jinja2: pip install 'tinygrad-cnn[app]'") from None
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: asset(name)),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def asset(name: str) -> str:
    """A text that lies beside this module, in ``pages/``."""
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def look() -> str:
    """The style sheet that all pages of the package share, and the report's own."""
    from ..graphs import page

    return page.look() + asset("report.css")


def render(template: str, **values: Any) -> str:
    """The page of a template."""
    from markupsafe import Markup

    def quoted(text: str) -> Any:
        """Text within single quotes: a page full of double quotes would swell if they were escaped."""
        return Markup(text.replace("&", "&amp;").replace("'", "&#39;"))

    page = _environment().get_template(template)
    text = page.render(style=Markup(look()), script=lambda name: Markup(asset(name)), trusted=Markup,
                       quoted=quoted, version=__version__, **values)  # fmt: skip
    return str(text).encode("utf-8", "replace").decode("utf-8")  # names of files that are not UTF-8 have odd letters
