"""ONNX: networks and training steps written to files that run anywhere, and files read back as modules.

The library `onnx` (``pip install tinygrad-cnn[onnx]``) is imported when a function here is first called.
"""

from .exporting import export
from .importing import OnnxModule, load
from .recording import ExportError
from .table import how_exported
from .training import TrainingStep

__all__ = ["ExportError", "OnnxModule", "TrainingStep", "export", "how_exported", "load"]
