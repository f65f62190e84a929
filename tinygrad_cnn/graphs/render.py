"""From DOT text to a file: the system's `dot` where there is one, else the program that pip installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ..io.atomic import atomic_write

SUFFIXES = ("svg", "png", "pdf", "dot", "html")
INSTALL = "Install one with: pip install 'tinygrad-cnn[app]' (or your system's package graphviz)"
PNG_DPI = 144  # twice the screen's, so that small words stay sharp when the picture is scaled down
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


class RenderError(RuntimeError):
    """No program could turn the DOT text into a picture."""


def find_dot() -> str | None:
    """The system's Graphviz."""
    return shutil.which("dot")


def find_pure() -> str | None:
    """The program of the package graphviz-pure: beside this Python, or on the path."""
    return shutil.which("graphviz-pure", path=os.path.dirname(sys.executable)) or shutil.which("graphviz-pure")


def renderers() -> dict[str, str]:
    """Which program draws, and why the others do not: name -> words."""
    dot, pure = find_dot(), find_pure()
    absent = "absent: "
    return {
        "dot": f"in use: {dot}" if dot else f"{absent}no dot on PATH; it would be preferred, and is needed for pdf",
        "graphviz-pure": (f"{absent}pip install 'tinygrad-cnn[app]' brings it" if not pure
                          else f"spare: {pure}; the system's dot is preferred" if dot else f"in use: {pure}"),
    }  # fmt: skip


def render(source: str, form: str) -> bytes:
    """The picture as bytes of an svg, png or pdf.

    Raises
    ------
    RenderError : no program is installed, or none could draw this.
    """
    programs = [find_dot(), None if form == "pdf" else find_pure()]
    complaints = []
    for program in filter(None, programs):
        try:
            return _run(program, source, form)
        except (OSError, RenderError) as error:
            complaints.append(f"{program}: {error}")
    if complaints:
        raise RenderError(f"draw: no {form} was made. {'; '.join(complaints)}. The DOT text is in .source.")
    if form == "pdf" and find_pure():
        raise RenderError(
            "draw: pdf needs the system's Graphviz, and no program dot is on PATH. "
            "Install your system's package graphviz, or render to .svg; the DOT text is in .source."
        )
    raise RenderError(f"draw: no Graphviz program was found. {INSTALL}. Files named .html and .dot need none.")


def _run(program: str, source: str, form: str) -> bytes:
    command = [program, f"-T{form}", *([f"-Gdpi={PNG_DPI}"] if form == "png" else [])]
    done = subprocess.run(command, input=source.encode(), capture_output=True, creationflags=_NO_WINDOW, check=False)
    if done.returncode or not done.stdout:
        words = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise RenderError(f"exit status {done.returncode}{': ' + words if words else ''}")
    return done.stdout


def suffix_of(path: Path) -> str:
    """The format that a file name asks for."""
    suffix = path.suffix.lower().lstrip(".")
    if suffix not in SUFFIXES:
        known = ", ".join(f".{s}" for s in SUFFIXES)
        given = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise ValueError(f"render: {str(path)!r} has {given}; known are {known}. Name it for example {path.stem}.svg.")
    return suffix


def write(path: Path, data: bytes) -> None:
    """Write beside the file and rename: a reader sees the old picture or the new one, never half of one."""
    try:
        with atomic_write(path) as file:
            file.write(data)
    except OSError as error:
        if error.errno is None:  # said by atomic_write, which names the path and a remedy itself
            raise type(error)(f"render: cannot write the picture: {error}") from error
        words = f"render: cannot write the picture ({error.strerror or error}). Name a folder that you can write to"
        raise type(error)(error.errno, words, str(path)) from error
