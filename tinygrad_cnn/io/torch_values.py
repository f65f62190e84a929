"""What the names in PyTorch's files stand for: tensors over storages, and values that are passed over.

Nothing here is PyTorch's: a name is a key of a table, and calling it makes a description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .checked import count, whole
from .small_floats import LAYOUTS


class Kind(NamedTuple):
    """The numbers of a tensor: as they lie in the file, and which small float they are, if NumPy has no such type."""

    dtype: np.dtype[Any]
    small: str = ""


_PLAIN = {
    "float64": ("Double", "f8"), "float32": ("Float", "f4"), "float16": ("Half", "f2"), "int64": ("Long", "i8"),
    "int32": ("Int", "i4"), "int16": ("Short", "i2"), "int8": ("Char", "i1"), "uint8": ("Byte", "u1"),
    "bool": ("Bool", "?"), "complex128": ("ComplexDouble", "c16"), "complex64": ("ComplexFloat", "c8"),
    "bfloat16": ("BFloat16", "u2"),
}  # fmt: skip
KINDS = {name: Kind(np.dtype(f"<{code}")) for name, (_, code) in _PLAIN.items()}
KINDS["bfloat16"] = Kind(np.dtype("<u2"), "bfloat16")
KINDS |= {name: Kind(np.dtype(name).newbyteorder("<")) for name in ("uint16", "uint32", "uint64")}
KINDS |= {f"float8_{name}": Kind(np.dtype("u1"), name) for name in (*LAYOUTS, "e8m0fnu")}
UNTYPED = "torch.storage UntypedStorage"  # bytes, whose type the tensor says
STORAGES = {f"torch {kind}Storage": KINDS[name] for name, (kind, _) in _PLAIN.items()} | {UNTYPED: KINDS["uint8"]}
DTYPES = {f"torch {name}": kind for name, kind in KINDS.items()}
ORDERED, TENSOR, TYPED_TENSOR, PARAMETER, PARAMETER_WITH_STATE, OF_TYPE = (
    "collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor_v3",
    "torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state",
    "torch._tensor _rebuild_from_type_v2",
)  # fmt: skip
SIZE, DEFAULTS, COUNTER = "torch Size", "collections defaultdict", "collections Counter"
TENSORS = {"torch Tensor", "torch.nn.parameter Parameter", "torch.nn.parameter Buffer"}
_BUILTIN = {
    f"{module} {name}" for module in ("__builtin__", "builtins")
    for name in ("list", "dict", "int", "float", "str", "tuple", "set", "bytearray", "complex", "bytes")
}  # fmt: skip
# what stands beside tensors and is passed over, whatever it is made of
BESIDE = {"torch device", "torch.serialization _get_layout", "_codecs encode", *_BUILTIN}
ADMITTED = {
    ORDERED, TENSOR, TYPED_TENSOR, PARAMETER, PARAMETER_WITH_STATE, OF_TYPE, SIZE, DEFAULTS, COUNTER, *TENSORS, *BESIDE,
    *STORAGES, *DTYPES,
}  # fmt: skip
OTHER = {
    "torch._utils _rebuild_sparse_tensor": "it holds a sparse tensor; save tensor.to_dense() instead",
    "torch._utils _rebuild_qtensor": "it holds a quantised tensor; save tensor.dequantize() instead",
    "torch._utils _rebuild_nested_tensor": "it holds a nested tensor; save tensor.unbind() instead",
    "torch._utils _rebuild_meta_tensor_no_storage": "it holds a tensor on the device 'meta', which has no values",
    **{f"torch {name}": f"it holds numbers of type {name}, which have no counterpart in NumPy; convert them first"
       for name in ("complex32", "quint8", "qint8", "qint32", "quint4x2", "bits8", "bits16", "float4_e2m1fn_x2")},
}  # fmt: skip


class Malformed(Exception):
    """Why a file is refused; who opened it puts its name before."""


@dataclass(frozen=True)
class Name:
    """One of ADMITTED, as the file spells it."""

    text: str


@dataclass(frozen=True)
class Beside:
    """An object that is neither a tensor nor a container of tensors."""


@dataclass(frozen=True)
class Storage:
    """A row of numbers that lies elsewhere in the file."""

    key: str
    kind: Kind
    numel: int

    @property
    def nbytes(self) -> int:
        return self.numel * self.kind.dtype.itemsize


@dataclass(frozen=True)
class Strided:
    """A tensor: which numbers of a storage, in which shape; offset and strides count elements, and may repeat them."""

    storage: Storage
    kind: Kind
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    negative: bool = False  # it stands for minus these numbers
    conjugate: bool = False

    @property
    def size(self) -> int:
        return count(self.shape) or 0


def made_of(name: str, arguments: tuple[Any, ...]) -> Any:
    """What a name called with arguments stands for."""
    if name == ORDERED and not arguments:
        return {}
    if name == DEFAULTS and len(arguments) <= 1 and all(isinstance(a, (Name, type(None))) for a in arguments):
        return {}
    if name == COUNTER and len(arguments) <= 1 and all(isinstance(a, dict) for a in arguments):
        return dict(*arguments)
    if name == SIZE and len(arguments) == 1 and isinstance(arguments[0], tuple):
        return arguments[0]
    if name in BESIDE:
        return Beside()
    if name == TENSOR and len(arguments) in (6, 7):
        return _tensor(arguments, None, arguments[6:])
    if name == TYPED_TENSOR and len(arguments) in (7, 8):
        said = DTYPES.get(arguments[6].text) if isinstance(arguments[6], Name) else None
        if said is not None:
            return _tensor(arguments, said, arguments[7:])
    with_state = {PARAMETER: 3, PARAMETER_WITH_STATE: 4}.get(name)
    if with_state == len(arguments) and isinstance(arguments[0], Strided):
        return arguments[0]
    if name == OF_TYPE and len(arguments) == 4 and isinstance(arguments[2], tuple):
        maker, kind = (a.text if isinstance(a, Name) else "" for a in arguments[:2])
        if kind in TENSORS and maker in (TENSOR, TYPED_TENSOR):
            return made_of(maker, arguments[2])
    raise Malformed(f"it calls {name.replace(' ', '.')} with {len(arguments)} arguments that do not fit")


def _tensor(arguments: tuple[Any, ...], kind: Kind | None, notes: Any) -> Strided:
    """A tensor, once every element of it lies within its storage."""
    storage, offset, shape, strides = arguments[:4]
    if not isinstance(storage, Storage):
        raise Malformed(f"a tensor in it is made of {kind_of(storage)}, not of a storage")
    kind = kind or storage.kind
    numel = storage.nbytes // kind.dtype.itemsize
    fits = isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides)
    size = count(shape) if fits else None
    if size is None or not whole(offset) or not all(whole(s) for s in strides):
        raise Malformed("a tensor in it has an offset, a shape or strides that no array can have")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if size else -1
    if last >= numel:
        raise Malformed(
            f"a tensor in it of shape {shape[:8]} with strides {strides[:8]} from element {offset} on reaches beyond "
            f"its storage of {numel} elements"
        )
    notes = notes[0] if notes and isinstance(notes[0], dict) else {}
    return Strided(storage, kind, offset, shape, strides, notes.get("neg") is True, notes.get("conj") is True)


def kind_of(value: Any) -> str:
    words = {Storage: "a storage", Strided: "a tensor", Name: "a name", Beside: "something else", type(None): "None"}
    return words.get(type(value), f"a {type(value).__name__}")
