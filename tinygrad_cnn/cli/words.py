"""Text from files of others on a terminal: without escapes that could move its cursor, colour it or rename it."""

from __future__ import annotations


def plain(text: object) -> str:
    """Return a text whose control characters, and those that turn the writing direction, are spelled out.

    >>> from tinygrad_cnn.cli.words import plain
    >>> plain("cat\\x1b[31m")
    'cat\\\\x1b[31m'
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in str(text))


def echo(text: object, *, err: bool = False) -> None:
    """Print a line, made plain."""
    import click

    click.echo(plain(text), err=err)
