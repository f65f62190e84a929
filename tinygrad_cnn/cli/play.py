"""``tinygrad-cnn play``: a page on this machine where one draws and watches a run's network think."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..pages.play.player import Player
from ..pages.play.routes import routes
from ..pages.server import Server
from ..train.run_folder import Run
from . import DEBUG
from .browser import open_page


def play(folder: Path, port: int | None, browser: bool) -> None:
    """Serve the page until Ctrl-C, which `main` answers."""
    player = Player(Run.open(folder))
    with Server(routes(player), port, debug=os.environ.get(DEBUG, "0") not in ("", "0")) as server:
        click.echo(f"play with {folder}: {server.url}   (Ctrl-C ends it)")
        if browser:
            open_page(server.url)
        server.wait()
