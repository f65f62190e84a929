"""What `tg.compile` raises."""

from __future__ import annotations

from ..core.errors import GraphError


class CompileError(GraphError):
    """A function cannot be replayed; the message names the line, what was found there, and what to do instead."""
