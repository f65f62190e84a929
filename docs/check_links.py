"""Check that every link of the built site that points into the site leads somewhere.

    python docs/check_links.py SITE

Files and places on pages (``page.html#place``) are looked up; links to other sites are not followed.  What is broken
is printed, a line each, and the exit code is 1.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the places on it that a link can lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links |= {found[name] or "" for name in ("href", "src", "data") if name in found and tag != "form"}
        self.places |= {found[name] or "" for name in ("id", "name") if name in found}


def broken(site: Path) -> list[str]:
    """The links inside a folder of pages that lead nowhere, each as ``page: link: what is missing``."""
    site = site.resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    wrong = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if target.is_dir():
                target /= "index.html"
            if not target.is_relative_to(site):
                missing = "outside the site"
            elif not target.is_file():
                missing = "no such file"
            elif place not in ("", "top") and target in pages and place not in pages[target].places:
                missing = "no such place on that page"
            else:
                continue
            wrong.append(f"{path.relative_to(site)}: {link}: {missing}")
    return wrong


def main(arguments: list[str]) -> str | None:
    if len(arguments) != 1:
        return "one argument, please: the folder of the built site"
    site = Path(arguments[0])
    if not (site / "index.html").is_file():
        return f"{site}: no site, there is no index.html in it; build one with: sphinx-build -b html docs {site}"
    wrong = broken(site)
    print("\n".join([*wrong, f"{len(list(site.rglob('*.html')))} pages, {len(wrong)} broken links"]))
    return "broken links" if wrong else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
