"""Published weights, written here byte by byte as other libraries write them: their readers are tested against this."""

import io
import json
import struct
import zipfile

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGE = {
    "f8": "Double", "f4": "Float", "f2": "Half", "i8": "Long", "i4": "Int", "i2": "Short", "i1": "Char", "u1": "Byte",
    "b1": "Bool", "c16": "ComplexDouble", "c8": "ComplexFloat",
}  # fmt: skip


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def row(*parts):
    return b"(" + b"".join(parts) + b"t"


def name(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def pickled(*parts):
    return b"\x80\x02" + b"".join(parts) + b"."


ORDERED = name("collections", "OrderedDict") + b")R"


def mapping(items):
    """An OrderedDict of values that are pickled already."""
    return ORDERED + b"(" + b"".join(text(k) + v for k, v in items.items()) + b"u"


def storage(kind, key, numel):
    return row(text("storage"), name("torch", f"{kind}Storage"), text(key), text("cpu"), number(numel)) + b"Q"


def rebuilt(stored, offset, shape, strides):
    rest = (number(offset), row(*map(number, shape)), row(*map(number, strides)), b"\x89", ORDERED)
    return name("torch._utils", "_rebuild_tensor_v2") + row(stored, *rest) + b"R"


def tensor(array, key):
    """One array, pickled, and the bytes of its storage."""
    kind = STORAGE[array.dtype.str[1:]]
    strides = [s // array.itemsize for s in array.strides]
    return rebuilt(storage(kind, key, array.size), 0, array.shape, strides), array.tobytes()


def stream(tensors, storages, *, magic=MAGIC, version=1001, little=b"\x88", keys=None, counts=None):
    """The older form: `tensors` is a pickled value, `storages` key -> (elements, bytes)."""
    keys = list(storages) if keys is None else keys
    machine = b"}(" + text("protocol_version") + number(1001) + text("little_endian") + little + b"u"
    head = pickled(number(magic)) + pickled(number(version)) + pickled(machine) + pickled(tensors)
    head += pickled(b"](" + b"".join(map(text, keys)) + b"e")
    counts = counts or {}
    body = b"".join(struct.pack("<q", counts.get(k, storages[k][0])) + storages[k][1] for k in keys if k in storages)
    return head + body


def archive(tensors, storages, *, folder="archive", order=b"little", compression=zipfile.ZIP_STORED):
    """The newer form."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as zipped:
        zipped.writestr(f"{folder}/data.pkl", pickled(tensors))
        zipped.writestr(f"{folder}/byteorder", order)
        for key, (_, data) in storages.items():
            zipped.writestr(f"{folder}/data/{key}", data)
        zipped.writestr(f"{folder}/version", "3\n")
    return out.getvalue()


def pth(arrays, form=stream):
    """A whole PyTorch file of named arrays, each in a storage of its own."""
    parts = {k: tensor(np.array(a, order="C"), str(n)) for n, (k, a) in enumerate(arrays.items())}
    storages = {str(n): (arrays[k].size, data) for n, (k, (_, data)) in enumerate(parts.items())}
    return form(mapping({k: pickled_tensor for k, (pickled_tensor, _) in parts.items()}), storages)


def quantised(folder, weights, data, *, paths=("weights.bin",)):
    """A manifest beside its file of weights; the manifest's path."""
    (folder / "weights.bin").write_bytes(data)
    path = folder / "manifest.json"
    path.write_text(json.dumps([{"paths": list(paths), "weights": weights}]))
    return path
