"""``tinygrad-cnn fetch``: real files from package registries into the cache, or a list of what there is."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..data import fetch as bring
from ..data.catalogue import PACKAGES, Package
from ..data.packages import by_hand, find, located


def fetch(names: Sequence[str]) -> None:
    """Bring each and print its path; without names, list all."""
    if not names:
        _list()
        return
    for name in names:
        find(name)  # a misspelt name is told before anything is downloaded
    for name in names:
        click.echo(str(bring(name)))


def _list() -> None:
    for package in PACKAGES:
        click.echo(package.key)
        for line in (package.title, _sizes(package), _place(package)):
            click.echo(f"    {line}")
    click.echo("\nget one with: tinygrad-cnn fetch NAME")


def _sizes(package: Package) -> str:
    return f"{package.size / 1e6:.1f} MB to download, {package.kept / 1e6:.1f} MB to keep; licence: {package.licence}"


def _place(package: Package) -> str:
    folder = located(package)
    return f"here already: {folder}" if folder is not None else f"downloaded by: {by_hand(package)}"
