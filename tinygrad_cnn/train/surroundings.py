"""On what a training is computed, and whether that differs from another time."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import numpy as np

from .. import kernels
from ..autodiff.world import world
from ..core import compiled
from ..kernels import native
from ..kernels.precision import precision_in_words
from ..ops.fused import FUSE
from ..version import __version__

COUNT = ("tinygrad_cnn", "numpy", "kernels", "switches", "ranks", "machine")  # what bits depend on


def surroundings() -> dict[str, Any]:
    """What results may depend on beside the settings: versions, kernels, threads, platform; who, and when (UTC)."""
    return {
        "began": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "process": os.getpid(),
        "host": socket.gethostname(),
        "tinygrad_cnn": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "kernels": kernels.backends(),
        "threads": native.get_num_threads(),
        "switches": {  # what else changes bits: docs/switches.md
            "precision": precision_in_words(),
            "isa": native.use_isa(),
            "winograd": native.use_winograd(),
            "fuse": FUSE,
            "core": "python" if compiled.core is None else "c",
        },
        "ranks": world().size,
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "machine": platform.machine(),
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two `surroundings` that bits may depend on, in words; "" if nothing does.

    >>> from tinygrad_cnn.train.surroundings import changes
    >>> changes({"numpy": "2.0.0", "machine": "x86_64"}, {"numpy": "2.1.0", "machine": "x86_64"})
    'numpy 2.0.0, now 2.1.0'
    """
    return "; ".join(
        f"{name} {_words(before[name])}, now {_words(now[name])}"
        for name in COUNT if name in before and name in now and _words(before[name]) != _words(now[name])
    )  # fmt: skip


def _words(value: Any) -> str:
    """A value in words; of the kernels, those in use; of the switches, all but the core, which computes the same."""
    if isinstance(value, Mapping) and "isa" in value:
        return ", ".join(f"{name}={what}" for name, what in value.items() if name != "core")
    if isinstance(value, Mapping):
        return " and ".join(str(name) for name, what in value.items() if what == "in use") or "none"
    return str(value)
