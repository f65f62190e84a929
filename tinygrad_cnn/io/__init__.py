"""Files: tensors in safetensors format, published weights of other libraries, and how every file of the project is
written.  Nothing that is read is ever run."""

from .atomic import atomic_write, publish
from .errors import FileFormatError
from .formats import convert, load
from .keras_h5 import load_keras_h5
from .keras_weights import from_keras
from .onnx_file import load_onnx
from .pth import load_pth
from .quantised import load_quantised
from .tensors import read_metadata, save
from .torch_weights import from_torch, to_torch

__all__ = [
    "FileFormatError", "atomic_write", "convert", "from_keras", "from_torch", "load", "load_keras_h5", "load_onnx",
    "load_pth", "load_quantised", "publish", "read_metadata", "save", "to_torch",
]  # fmt: skip
