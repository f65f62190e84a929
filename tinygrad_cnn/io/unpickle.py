"""The pickles inside PyTorch's files, read without running them.

A pickle is a program for a small stack machine, and the usual reader executes it: it imports what the file names and
calls it.  This one knows the instructions that build numbers, text, tuples, lists and dicts, and three names that stand
for "a tensor over this storage".  It imports nothing and calls nothing that a file names, so that a hostile file finds
nothing to reach; any other instruction or name is refused by its own name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .checked import count, whole
from .small_floats import LAYOUTS

MOST_STEPS = 1_000_000  # instructions in one pickle; a network of 1,000 layers needs about 100,000
KEYS = (str, int, float, bool, type(None))  # of dicts, and of tuples that are keys
MOST_BYTES = 1 << 25  # of one pickle; the numbers of the tensors lie outside



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
    """Something that is no tensor and no container of tensors."""


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


class Bytes:
    """A file of known size that never gives, and never makes room for, more than it has."""

    def __init__(self, file: Any, size: int) -> None:
        self.file, self.left = file, size

    def take(self, n: int) -> bytes:
        if n > self.left:
            raise Malformed(f"it is cut short: {n} bytes are announced, {self.left} follow")
        data: bytes = self.file.read(n)
        if len(data) != n:
            raise Malformed("it became shorter while it was read")
        self.left -= n
        return data

    def line(self) -> str:
        data = self.file.readline(min(self.left, 200))
        self.left -= len(data)
        if not data.endswith(b"\n"):
            raise Malformed("a name in it is cut short or longer than 200 bytes")
        return str(data[:-1].decode("ascii", "backslashreplace"))


def unpickle(source: Bytes) -> tuple[Any, dict[str, Storage]]:
    """What one pickle describes, and the storages that its tensors need, by key.

    Raises
    ------
    Malformed : it is cut short, inconsistent, too long, or asks for more than tensors and containers.
    """
    machine = _Machine(source)
    limit = min(source.left, MOST_BYTES)
    beyond, source.left = source.left - limit, limit
    value = machine.run()
    source.left += beyond
    return value, machine.storages


class _Machine:
    def __init__(self, source: Bytes) -> None:
        self.source = source
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def run(self) -> Any:
        for _ in range(MOST_STEPS):
            code = self.source.take(1)
            if code == b".":
                value = self.pop()
                if self.stack or self.marks:
                    raise Malformed("a pickle in it ends with values left over")
                return value
            step = _STEPS.get(code)
            if step is None:
                raise Malformed(f"a pickle in it asks for {_spelled(code)}; only tensors and containers are read")
            step(self)
        raise Malformed(f"a pickle in it has more than {MOST_STEPS} instructions")

    # -- the stack --------------------------------------------------------------------------------------------

    def pop(self, kind: Any = object) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Malformed("a pickle in it takes a value where there is none")
        value = self.stack.pop()
        if not isinstance(value, kind):
            raise Malformed(f"a pickle in it has {_kind(value)} where {_words(kind)} belongs")
        return value

    def top(self, kind: Any) -> Any:
        value = self.pop(kind)
        self.stack.append(value)
        return value

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise Malformed("a pickle in it goes back to a mark that was never set")
        at = self.marks.pop()
        values = self.stack[at:]
        del self.stack[at:]
        return values

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.source.take(struct.calcsize(form)))[0]

    def size(self, form: str) -> int:
        size: int = self.number(form)
        if size < 0:
            raise Malformed(f"a text in it has {size} bytes")
        return size

    def text(self, form: str) -> str:
        size = self.size(form)
        try:
            return self.source.take(size).decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a text in it is no UTF-8") from None

    def push_tuple(self, size: int) -> None:
        self.stack.append(tuple([self.pop() for _ in range(size)][::-1]))

    # -- containers -------------------------------------------------------------------------------------------

    def append(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.top(dict)
        if len(values) % 2:
            raise Malformed("a dict in it has a key without a value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            parts = key if type(key) is tuple else (key,)
            # no deeper: hashing a nest of tuples may take forever
            if not all(type(part) in KEYS for part in parts):
                raise Malformed(f"a dict in it has {_kind(key)} as a key; text or a number belongs there")
            target[key] = value

    def recall(self, at: int) -> None:
        if at not in self.memo:
            raise Malformed(f"a pickle in it recalls value {at}, which was never kept")
        self.stack.append(self.memo[at])

    def keep(self, at: int) -> None:
        self.memo[at] = self.top(object)

    # -- names and what they stand for ------------------------------------------------------------------------

    def name(self, module: str, name: str) -> None:
        text = f"{module} {name}"
        if text in OTHER:
            raise Malformed(OTHER[text])
        if text not in ADMITTED:
            shown = f"{module}.{name}"[:100]
            raise Malformed(f"it asks for {shown!r}; only tensors and containers are read")
        self.stack.append(Name(text))

    def reduce(self) -> None:
        arguments, name = self.pop(tuple), self.pop(Name)
        self.stack.append(_made(name.text, arguments))

    def build(self) -> None:
        """PyTorch leaves a note on versions, `_metadata`, on the dict itself, which is read over."""
        state = self.pop(dict)
        self.top(dict)
        if set(state) - {"_metadata"}:
            raise Malformed("it sets attributes of an object (opcode BUILD); only tensors and containers are read")

    def storage(self) -> None:
        given = self.pop(tuple)
        if len(given) == 6 and given[5] is None:
            given = given[:5]
        fits = len(given) == 5 and given[0] == "storage" and isinstance(given[1], Name) and given[1].text in STORAGES
        if not fits or type(given[2]) is not str or not whole(given[4]):
            raise Malformed("a storage in it is not described as ('storage', type, key, device, size)")
        new = Storage(given[2], STORAGES[given[1].text], given[4])
        if self.storages.setdefault(new.key, new) != new:
            raise Malformed(f"storage {new.key[:40]!r} in it is described twice, and differently")
        self.stack.append(new)


def _made(name: str, arguments: tuple[Any, ...]) -> Any:
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
            return _made(maker, arguments[2])
    raise Malformed(f"it calls {name.replace(' ', '.')} with {len(arguments)} arguments that do not fit")


def _tensor(arguments: tuple[Any, ...], kind: Kind | None, notes: Any) -> Strided:
    """A tensor, once every element of it lies within its storage."""
    storage, offset, shape, strides = arguments[:4]
    if not isinstance(storage, Storage):
        raise Malformed(f"a tensor in it is made of {_kind(storage)}, not of a storage")
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


def _kind(value: Any) -> str:
    words = {Storage: "a storage", Strided: "a tensor", Name: "a name", Beside: "something else", type(None): "None"}
    return words.get(type(value), f"a {type(value).__name__}")


def _words(kind: Any) -> str:
    return "a name" if kind is Name else f"a {kind.__name__}"


def _spelled(code: bytes) -> str:
    import pickletools

    known = {op.code: op.name for op in pickletools.opcodes}.get(code.decode("latin-1"))
    return f"opcode {known}" if known else f"byte 0x{code.hex()}, which is no opcode"


def _push(value: Any) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(value)


def _read(form: str) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(m.number(form))


def _read_text(form: str) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(m.text(form))


def _take(form: str) -> Callable[[_Machine], None]:
    """Bytes, which stand beside tensors."""

    def take(m: _Machine) -> None:
        m.source.take(m.number(form))
        m.stack.append(Beside())

    return take


def _set(m: _Machine) -> None:
    m.pop_to_mark()
    m.stack.append(Beside())


def _add_to_set(m: _Machine) -> None:
    m.pop_to_mark()
    m.top(Beside)


def _stack_global(m: _Machine) -> None:
    name, module = m.pop(str), m.pop(str)
    m.name(module, name)


_STEPS: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": lambda m: m.source.take(1),  # PROTO
    b"\x95": lambda m: m.source.take(8),  # FRAME
    b"(": lambda m: m.marks.append(len(m.stack)),  # MARK
    b"N": _push(None),
    b"\x88": _push(True),
    b"\x89": _push(False),
    b"J": _read("<i"),
    b"K": _read("<B"),
    b"M": _read("<H"),
    b"\x8a": lambda m: m.stack.append(int.from_bytes(m.source.take(m.number("<B")), "little", signed=True)),  # LONG1
    b"G": _read(">d"),
    b"\x8b": lambda m: m.stack.append(int.from_bytes(m.source.take(m.size("<i")), "little", signed=True)),  # LONG4
    b"B": _take("<I"), b"C": _take("<B"), b"\x8e": _take("<Q"), b"\x96": _take("<Q"),  # bytes and bytearrays
    b"\x8f": _push(Beside()),  # EMPTY_SET
    b"\x90": _add_to_set,
    b"\x91": _set,  # FROZENSET
    b"X": _read_text("<I"),
    b"\x8d": _read_text("<Q"),
    b"\x8c": _read_text("<B"),
    b"T": _read_text("<i"),
    b"U": _read_text("<B"),
    b")": lambda m: m.push_tuple(0),
    b"\x85": lambda m: m.push_tuple(1),
    b"\x86": lambda m: m.push_tuple(2),
    b"\x87": lambda m: m.push_tuple(3),
    b"t": lambda m: m.stack.append(tuple(m.pop_to_mark())),
    b"]": lambda m: m.stack.append([]),
    b"}": lambda m: m.stack.append({}),
    b"a": lambda m: m.append([m.pop()]),
    b"e": lambda m: m.append(m.pop_to_mark()),
    b"s": lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    b"u": lambda m: m.set_items(m.pop_to_mark()),
    b"q": lambda m: m.keep(m.number("<B")),
    b"r": lambda m: m.keep(m.number("<I")),
    b"\x94": lambda m: m.keep(len(m.memo)),  # MEMOIZE
    b"h": lambda m: m.recall(m.number("<B")),
    b"j": lambda m: m.recall(m.number("<I")),
    b"c": lambda m: m.name(m.source.line(), m.source.line()),  # GLOBAL
    b"\x93": _stack_global,
    b"R": _Machine.reduce,
    b"Q": _Machine.storage,  # BINPERSID
    b"b": _Machine.build,
}
