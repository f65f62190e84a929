"""``tinygrad-cnn check``: the contracts of ops, run now."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from .. import ops as _ops  # noqa: F401 -- importing them registers them
from ..core import registry
from ..core.errors import nearest
from ..testing import check_op


def check(names: Sequence[str]) -> int:
    """Check the named ops, or all; 1 if one breaks a contract, else 0."""
    for name in names:
        if name not in registry:
            raise click.UsageError(
                f"check: there is no op {name!r} among the {len(registry)} known.{nearest(name, registry)}"
            )
    began, total, broken = time.perf_counter(), 0, []
    chosen = list(dict.fromkeys(names)) or sorted(registry)
    for name in chosen:
        try:
            report = check_op(registry[name])
        except AssertionError as error:
            broken.append(name)
            click.echo(f"{name:<36} BROKEN\n{error}")
            continue
        total += report.checks
        click.echo(f"{name:<36} {report.checks:5d} checks")
    seconds = time.perf_counter() - began
    click.echo(f"{len(chosen)} ops, {total} checks hold, {len(broken)} ops broken ({seconds:.1f} s)")
    return 1 if broken else 0
