"""Choose the classes under the engine's: those of `plain`, or their compiled twins where these were built.

``TINYGRAD_CNN_CORE=python`` refuses the twins; ``TINYGRAD_CNN_CORE=c`` makes it an error that there are none.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from .plain import ClockBase as ClockBase
from .plain import LeafBase as LeafBase
from .plain import NodeBase as NodeBase
from .plain import OpBase as OpBase
from .plain import TensorBase as TensorBase

WISH = os.environ.get("TINYGRAD_CNN_CORE", "")


def _load() -> tuple[Any, str]:
    """The compiled module or None, and why."""
    if WISH not in ("", "python", "c"):
        raise ImportError(f"TINYGRAD_CNN_CORE={WISH} is unknown; use python, c, or leave it unset.")
    if WISH == "python":
        return None, "TINYGRAD_CNN_CORE=python"
    try:
        return importlib.import_module(".native._core", __package__), ""
    except ImportError as error:
        if WISH == "c":
            raise
        return None, str(error)


core, reason = _load()
if core is not None:
    ClockBase, LeafBase, NodeBase = core.ClockBase, core.LeafBase, core.NodeBase  # type: ignore[misc]
    OpBase, TensorBase = core.OpBase, core.TensorBase  # type: ignore[misc]
    OpBase.own_pull_back = None


def lend(**objects: Any) -> None:
    """Give C the objects of Python that it calls or compares with."""
    if core is not None:
        core.lend(**objects)
