"""docs/check_links.py finds links that lead nowhere, and only those."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "docs" / "check_links.py"


def check(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def site(folder, **pages):
    for name, body in pages.items():
        file = folder / f"{name.replace('__', '/')}.html"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
    return folder


def test_a_whole_site_passes(tmp_path):
    inside = '<a href="sub/page.html#there">a</a> <a href="#here">b</a> <a href="a%20b.txt">c</a> <a href="#">d</a>'
    outside = '<a href="https://example.org/gone.html">e</a> <img src="data:image/png;base64,AAAA">'
    site(tmp_path, index=f'<p id="here">{inside} {outside}</p>', sub__page='<p id="there"><a href="../">up</a></p>')
    (tmp_path / "a b.txt").write_text("words", encoding="utf-8")
    done = check(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 pages, 0 broken links\n", "")


def test_what_leads_nowhere_is_named(tmp_path):
    links = '<a href="gone.html">a</a> <img src="gone.png"> <a href="index.html#gone">c</a> <a href="../x">d</a>'
    site(tmp_path / "site", index=links)
    done = check(tmp_path / "site")
    assert done.returncode == 1 and done.stderr == "broken links\n"
    assert done.stdout.splitlines() == [
        "index.html: ../x: outside the site",
        "index.html: gone.html: no such file",
        "index.html: gone.png: no such file",
        "index.html: index.html#gone: no such place on that page",
        "1 pages, 4 broken links",
    ]


def test_bad_input_is_told_in_a_line(tmp_path):
    for arguments, words in (([], "one argument"), ([tmp_path], "no site")):
        done = check(*arguments)
        assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1
