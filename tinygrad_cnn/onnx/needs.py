"""The libraries that this package uses, imported when they are first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def library(who: str, name: str = "onnx") -> Any:
    """The library of a name; an error that says how to install it if it is absent."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"{who}: needs the library {name}. Install it with: pip install {name}") from error
