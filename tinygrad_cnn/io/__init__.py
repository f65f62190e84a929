"""Files: tensors in safetensors format, and how every file of the project is written.  Never pickle."""

from .atomic import atomic_write, publish
from .errors import FileFormatError
from .tensors import load, read_metadata, save

__all__ = ["FileFormatError", "atomic_write", "load", "publish", "read_metadata", "save"]
