"""The libraries that this package uses, imported when they are first needed."""

from __future__ import annotations

from typing import Any

REMEDY = "Install it: pip install 'tinygrad-cnn[onnx]'."


def library(who: str) -> Any:
    """The library `onnx`; an error that says how to install it if it is absent."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(f"{who}: needs the library onnx. {REMEDY}") from error
    return onnx


def runtime(who: str) -> Any:
    """The library `onnxruntime`, likewise."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"{who}: needs the library onnxruntime. {REMEDY}") from error
    return onnxruntime
