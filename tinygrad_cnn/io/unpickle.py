"""The pickles inside PyTorch's files, read without running them.

A pickle is a program for a small stack machine, and the usual reader executes it: it imports what the file names and
calls it.  This one knows the instructions that build numbers, text, tuples, lists and dicts, and the names in
`torch_values`, which stand for tensors over storages.  It imports nothing and calls nothing that a file names, so that
a hostile file finds nothing to reach; any other instruction or name is refused by its own name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from .checked import whole
from .torch_values import ADMITTED, OTHER, STORAGES, Beside, Malformed, Name, Storage, kind_of, made_of

MOST_STEPS = 1_000_000  # instructions in one pickle; a network of 1,000 layers needs about 100,000
KEYS = (str, int, float, bool, type(None))  # of dicts, and of tuples that are keys
MOST_BYTES = 1 << 25  # of one pickle; the numbers of the tensors lie outside


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
            raise Malformed(f"a pickle in it has {kind_of(value)} where {_words(kind)} belongs")
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
                raise Malformed(f"a dict in it has {kind_of(key)} as a key; text or a number belongs there")
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
        self.stack.append(made_of(name.text, arguments))

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


def _words(kind: Any) -> str:
    return "a name" if kind is Name else f"a {kind.__name__}"


def _spelled(code: bytes) -> str:
    import pickletools

    known = {op.code: op.name for op in pickletools.opcodes}.get(code.decode("latin-1"))
    return f"opcode {known}" if known else f"byte 0x{code.hex()}, which is not an opcode"


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
