"""Warnings at the user's line, however deep in this package something is noticed."""

from __future__ import annotations

import warnings

from ..core.site import here, line_of


def warn(message: str) -> None:
    """Warn at the innermost line outside this package."""
    file, _, line = line_of(here()).rpartition(":")
    warnings.warn_explicit(message, UserWarning, file, int(line))
