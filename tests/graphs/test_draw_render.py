"""From text to files: which program draws, what it is given, and what happens when something is amiss."""

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.graphs import RenderError, render, renderers
from tinygrad_cnn.graphs.labels import value_text

PYTHON = sys.executable
SVG = "{http://www.w3.org/2000/svg}"


def picture(name="x", title=None):
    x = tg.Tensor(np.ones(2, np.float32), requires_grad=True, name=name)
    with tg.scope(f"module {name}"):
        y = tg.sin(x) * x
    y.name = name
    return tg.draw(y, title=title)


def program(path: Path, body: str) -> None:
    """A program of that name in Python."""
    path.write_text(f"#!{PYTHON}\nimport sys\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def only(monkeypatch, tmp_path):
    """Leaves nothing on PATH but a folder of the test's; returns it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def bare(only, monkeypatch):
    """No Graphviz program beside this Python either."""
    monkeypatch.setattr(sys, "executable", str(only / "python"))
    return only


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("dot", b"digraph"),
                                               ("SVG", b"<?xml")])  # fmt: skip
def test_the_suffix_says_the_format(tmp_path, suffix, start):
    path = picture().render(tmp_path / f"graph.{suffix}")
    assert path == tmp_path / f"graph.{suffix}" and path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [path.name]


def test_a_system_dot_is_preferred(only, tmp_path):
    program(only / "dot", "print('drawn by dot with', *sys.argv[1:], len(sys.stdin.read()) > 100)")
    assert picture().render(tmp_path / "a.svg").read_text() == "drawn by dot with -Tsvg True\n"
    assert picture().render(tmp_path / "a.pdf").read_text() == "drawn by dot with -Tpdf True\n"
    found = renderers()
    assert found["dot"] == f"in use: {only / 'dot'}" and "preferred" in found["graphviz-pure"]


def test_without_a_system_dot_the_one_from_pip_draws(only, tmp_path):
    assert picture().render(tmp_path / "a.svg").read_text().rstrip().endswith("</svg>")
    assert renderers()["dot"].startswith("absent") and renderers()["graphviz-pure"].startswith("in use: ")


def test_a_broken_dot_is_passed_over(only, tmp_path):
    program(only / "dot", "sys.exit('Format: \"svg\" not recognized')")
    assert b"<svg" in picture().render(tmp_path / "a.svg").read_bytes()


def test_when_no_program_can_draw_each_says_why(bare, tmp_path):
    program(bare / "dot", "sys.exit('no plugins')")
    with pytest.raises(RenderError, match=r"no svg was made.*dot: exit status 1: no plugins.*in \.source"):
        picture().render(tmp_path / "a.svg")
    assert not (tmp_path / "a.svg").exists()


def test_with_no_program_at_all_the_error_says_what_to_install(bare, tmp_path):
    drawing = picture()
    with pytest.raises(RenderError, match=r"pip install 'tinygrad-cnn\[app\]'.*\.html and \.dot need none"):
        drawing.render(tmp_path / "a.svg")
    drawing.render(tmp_path / "a.dot")
    assert [words.split(":")[0] for words in renderers().values()] == ["absent", "absent"]
    shown = drawing._repr_mimebundle_()
    assert list(shown) == ["text/plain"] and "pip install" in shown["text/plain"]


def test_pdf_needs_the_systems_dot(only, tmp_path):
    with pytest.raises(RenderError, match=r"pdf needs the system's Graphviz.*\.svg"):
        picture().render(tmp_path / "a.pdf")


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.jpeg", ".svg"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"known are \.svg, \.png, \.pdf, \.dot, \.html"):
        picture().render(tmp_path / name)
    assert not os.listdir(tmp_path)


def test_what_cannot_be_written_is_worded_and_leaves_no_trace(tmp_path):
    (tmp_path / "folder.svg").mkdir()
    for where in (tmp_path / "missing" / "a.svg", tmp_path / "folder.svg"):
        with pytest.raises(OSError, match="cannot write the picture") as caught:
            picture().render(where)
        assert str(where) in str(caught.value)
    assert os.listdir(tmp_path) == ["folder.svg"]


def test_an_old_picture_survives_a_failure(bare, tmp_path):
    path = tmp_path / "a.svg"
    path.write_text("old")
    with pytest.raises(RenderError):
        picture().render(path)
    assert path.read_text() == "old"


def test_a_notebook_shows_it():
    shown = picture()._repr_mimebundle_(include=None, exclude=None)
    assert "</svg>" in shown["image/svg+xml"] and shown["text/plain"].startswith("<Drawing of 2 ops")


EVIL = ['"', '"quoted"', "<b>&amp;</b>", "a\nb", "\\", "\\N \\l\\", "\t", "中文 ∂é", "\x00\x1b", "\ud800", "]]> -->",
        "{}|", "n" * 200, "m." * 100, "", " ", "<", ">", "&", "-", "graph", "\u202e", "\ufffe", "\r\n"]  # fmt: skip


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_labels_survive_any_text(text):
    check(text)


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_labels_survive_random_text(text):
    check(text)


def check(text):
    """The svg is well-formed, shows every word of a short printable text, and no text is longer than a line."""
    source = picture(text, title=text).source
    root = ET.fromstring(render.render(source, "svg"))
    shown = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert max(map(len, shown)) <= 100
    words = text.split()
    if 0 < len(text) <= 40 and text.isascii() and text.isprintable() and words:
        assert " ".join(words) in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("same", '"same"'),
        ((2, 2), "(2, 2)"),
        ((3,), "(3,)"),
        ([1, 2.5], "[1, 2.5]"),
        ((slice(None), slice(0, 3), slice(None, None, -1), ..., None), "(:, 0:3, ::-1, ..., None)"),
        (np.int64(3), "3"),
        (np.float32, "float32"),
        (np.dtype("f8"), "float64"),
        (np.zeros((2, 3), np.float32), "array(2, 3)"),
        (tuple(range(99)), "(0, 1, 2, 3, 4, 5, 6, 7, ...)"),
        (object(), "object"),
        (len, "len"),
        (True, "True"),
    ],
)
def test_values_are_written_as_one_would_and_never_as_an_address(value, text):
    assert value_text(value) == text
