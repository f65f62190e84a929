"""``tinygrad-cnn info``: what is here, and why something is not."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

import click

from .. import kernels
from ..core import compiled
from ..graphs import renderers
from ..kernels import native
from ..kernels.precision import bf16_instructions, why_absent
from ..version import __version__
from .threads import blas

# library -> what it is needed for here
LIBRARIES = {
    "numpy": "everything", "safetensors": "files of weights", "graphviz": "drawing", "click": "the command line",
    "tqdm": "progress bars", "matplotlib": "plots", "pillow": "reading images", "platformdirs": "the download cache",
    "threadpoolctl": "setting the threads of NumPy's BLAS", "pytest": "the tests", "hypothesis": "the tests",
    "scipy": "the tests",
}  # fmt: skip


def info() -> None:
    """Print it."""
    click.echo(f"tinygrad-cnn {__version__}, Python {platform.python_version()}, {platform.platform()}")
    click.echo(f"  from {os.path.dirname(os.path.dirname(__file__))}, by {sys.executable}")
    click.echo("libraries")
    for name, purpose in LIBRARIES.items():
        _line(name, _version(name) or f"absent: {purpose} would need it (pip install {name})")
    click.echo("kernels (the first in use that takes the arguments computes)")
    for name, what in kernels.backends().items():
        detail = f": {native.reason}" if name == "native" and native.available else ""
        _line(name, what + detail)
    click.echo('tg.set_float32_precision("medium") computes products with')
    found = bf16_instructions()
    _line("in use" if found else "absent", found or f"{why_absent()}; float32 is used instead")
    click.echo("core (what records ops and walks back)")
    _line("in use", "compiled" if compiled.core is not None else f"python: {compiled.reason}")
    click.echo("threads")
    _line("cores", str(os.cpu_count()))
    _line("kernels", str(native.get_num_threads()))
    for words in blas():
        _line("BLAS", words)
    click.echo("renderers of graphs")
    for name, what in renderers().items():
        _line(name, what)


def _line(name: str, words: str) -> None:
    click.echo(f"  {name:<14} {words}")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
