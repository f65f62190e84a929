"""``tinygrad-cnn play``: a page on this machine where one draws and watches a run's network think."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

import click

from ..runs import Run
from ..web.play import Player
from ..web.play_routes import routes
from ..web.server import Server
from . import DEBUG


def play(folder: Path, port: int | None, browser: bool) -> None:
    """Serve the page until Ctrl-C, which `main` answers."""
    player = Player(Run.open(folder))
    with Server(routes(player), port, debug=os.environ.get(DEBUG, "0") not in ("", "0")) as server:
        click.echo(f"play with {folder}: {server.url}   (Ctrl-C ends it)")
        if browser and _has_screen():
            webbrowser.open(server.url)
        server.wait()


def _has_screen() -> bool:
    """Whether a browser has somewhere to open: in a terminal alone, one for text would take the terminal over."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
