"""PyTorch's files, made by hand: what they hold comes out bit for bit, and nothing in them is ever run."""

import os
import pickle
import re
import runpy
import subprocess
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_cnn.io import FileFormatError, load_pth, pth, unpickle

pytestmark = pytest.mark.level("default")

made = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("published.py"))))  # tests/io is no package

RNG = np.random.default_rng(0)
FORMS = pytest.mark.parametrize("form", [made.stream, made.archive], ids=["stream", "zip"])
ARRAYS = {
    "conv.weight": RNG.normal(size=(4, 3, 2, 2)).astype("f4"),
    "conv.bias": RNG.normal(size=4).astype("f4"),
    "norm.num_batches_tracked": np.array(7, "i8"),
    "empty": np.zeros((0, 3), "f4"),
}


def written(tmp_path, data):
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    return path


def refused(tmp_path, data):
    """The message of a refusal: one line that begins with the file's name."""
    path = written(tmp_path, data)
    with pytest.raises(FileFormatError) as caught:
        load_pth(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and len(message) < 600
    return message


def same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()
        assert found[name].flags.writeable and found[name].flags.c_contiguous


@FORMS
def test_named_tensors_come_out_as_they_went_in(tmp_path, form):
    same(load_pth(written(tmp_path, made.pth(ARRAYS, form))), ARRAYS)


@FORMS
@pytest.mark.parametrize("code", made.STORAGE)
def test_every_dtype(tmp_path, form, code):
    array = (RNG.normal(size=(2, 3)) * 50).astype(code) if code != "b1" else RNG.normal(size=(2, 3)) > 0
    same(load_pth(written(tmp_path, made.pth({"a": array}, form))), {"a": array})


@FORMS
def test_views_of_one_storage_come_out_apart(tmp_path, form):
    base = np.arange(12, dtype="f4")
    stored = made.storage("Float", "0", 12)
    tensors = made.mapping({
        "whole": made.rebuilt(stored, 0, (3, 4), (4, 1)),
        "transposed": made.rebuilt(stored, 0, (4, 3), (1, 4)),
        "part": made.rebuilt(stored, 5, (2, 2), (4, 1)),
        "one": made.rebuilt(stored, 11, (), ()),
    })  # fmt: skip
    found = load_pth(written(tmp_path, form(tensors, {"0": (12, base.tobytes())})))
    grid = base.reshape(3, 4)
    same(found, {"whole": grid, "transposed": grid.T.copy(), "part": grid[1:, 1:3].copy(), "one": np.array(11, "f4")})
    found["whole"][:] = -1
    assert found["transposed"][1, 1] == 5


def test_containers_in_containers_are_named_by_dots_and_other_values_passed_over(tmp_path):
    part, data = made.tensor(np.float32([1, 2]), "k")
    inner = b"}(" + made.text("w") + part + made.text("epoch") + made.number(3) + made.number(5) + part + b"u"
    tensors = b"}(" + made.text("state") + inner + made.text("list") + b"](" + part + b"Ne" + made.text("n") + b"Nu"
    found = load_pth(written(tmp_path, made.stream(tensors, {"k": (2, data)})))
    assert list(found) == ["state.w", "state.5", "list.0"]


def test_a_bare_tensor_a_parameter_and_the_note_on_versions(tmp_path):
    part, data = made.tensor(np.float32([1, 2]), "k")
    storages = {"k": (2, data)}
    assert list(load_pth(written(tmp_path, made.stream(part, storages)))) == ["tensor"]
    parameter = made.name("torch._utils", "_rebuild_parameter") + made.row(part, b"\x88", made.ORDERED) + b"R"
    note = b"}" + made.text("_metadata") + made.ORDERED + b"sb"
    found = load_pth(written(tmp_path, made.stream(made.mapping({"p": parameter}) + note, storages)))
    assert found["p"].tolist() == [1, 2]


def test_later_protocols_and_texts_of_python_2(tmp_path):
    """Memo by MEMOIZE, short texts, names from the stack, frames."""
    part, data = made.tensor(np.float32([1, 2]), "k")
    short = b"\x8c\x01a\x94"
    ordered = b"\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x93)R"
    tensors = b"\x95" + bytes(8) + ordered + b"(" + short + part + b"U\x01b" + part + b"T\x01\0\0\0c" + part + b"u"
    assert list(load_pth(written(tmp_path, made.stream(tensors, {"k": (2, data)})))) == ["a", "b", "c"]


# -- what else PyTorch reads --------------------------------------------------------------------------------------


def typed(stored, name_, shape, strides):
    """A tensor over bytes that says its own type, as PyTorch writes those of its newer dtypes."""
    places = made.number(0), made.row(*map(made.number, shape)), made.row(*map(made.number, strides))
    rest = *places, b"\x89", made.ORDERED
    return made.name("torch._utils", "_rebuild_tensor_v3") + made.row(stored, *rest, made.name("torch", name_)) + b"R"


def untyped(key, size):
    parts = made.text("storage"), made.name("torch.storage", "UntypedStorage"), made.text(key), made.text("cpu")
    return made.row(*parts, made.number(size)) + b"Q"


@FORMS
def test_expanded_and_overlapping_tensors(tmp_path, form):
    stored = made.storage("Float", "0", 5)
    shapes = {"one": ((4,), (0,)), "rows": ((2, 3), (0, 1)), "windows": ((3, 3), (1, 1)), "large": ((999, 9), (0, 0))}
    tensors = made.mapping({k: made.rebuilt(stored, 1 if k == "one" else 0, *v) for k, v in shapes.items()})
    found = load_pth(written(tmp_path, form(tensors, {"0": (5, np.arange(5, dtype="f4").tobytes())})))
    assert found["one"].tolist() == [1] * 4 and found["rows"].tolist() == [[0, 1, 2]] * 2
    assert found["windows"].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]] and found["large"].sum() == 0
    found["rows"][0] = 7  # each row is its own
    assert found["rows"][1].tolist() == [0, 1, 2]


@FORMS
def test_bfloat16_comes_out_as_float32(tmp_path, form):
    values = np.array([1.5, -2.0, 3.140625, np.inf, 0.0, -1e-40], "f4")
    codes = (values.view("u4") >> 16).astype("<u2")
    tensors = made.mapping({"w": made.rebuilt(made.storage("BFloat16", "0", 6), 0, (2, 3), (1, 2))})
    (found,) = load_pth(written(tmp_path, form(tensors, {"0": (6, codes.tobytes())}))).values()
    expected = (codes.astype("u4") << 16).view("f4").reshape(3, 2).T
    assert found.dtype == np.float32 and found.flags.c_contiguous and (found == expected).all()


@FORMS
@pytest.mark.parametrize(("name", "codes", "values"), [
    ("float8_e4m3fn", [0x00, 0x38, 0xB8, 0x7E, 0x01, 0x7F], [0, 1, -1, 448, 2**-9, np.nan]),
    ("float8_e5m2", [0x00, 0x3C, 0xC0, 0x7B, 0x7C, 0xFE], [0, 1, -2, 57344, np.inf, np.nan]),
    ("float8_e4m3fnuz", [0x00, 0x40, 0xC8, 0x7F, 0x01, 0x80], [0, 1, -2, 240, 2**-10, np.nan]),
    ("float8_e5m2fnuz", [0x00, 0x40, 0xC4, 0x7F, 0x01, 0x80], [0, 1, -2, 57344, 2**-17, np.nan]),
    ("float8_e8m0fnu", [0x7F, 0x80, 0x00, 0xFE], [1, 2, 2**-127, 2.0**127]),
    ("uint16", [0xFF, 0xFF, 1, 0], [65535, 1]), ("uint32", [1, 0, 0, 128], [2**31 + 1]),
])  # fmt: skip
def test_types_that_tensors_name_themselves(tmp_path, form, name, codes, values):
    tensors = made.mapping({"w": typed(untyped("0", len(codes)), name, (len(values),), (1,))})
    (found,) = load_pth(written(tmp_path, form(tensors, {"0": (len(codes), bytes(codes))}))).values()
    assert found.dtype == (np.float32 if "float8" in name else name)
    np.testing.assert_array_equal(found, np.array(values, found.dtype))


def test_a_typed_tensor_never_reaches_beyond_its_bytes(tmp_path):
    tensors = made.mapping({"w": typed(untyped("0", 7), "uint16", (4,), (1,))})
    assert "beyond its storage of 3 elements" in refused(tmp_path, made.archive(tensors, {"0": (7, bytes(7))}))


@FORMS
def test_signs_that_pytorch_keeps_apart(tmp_path, form):
    """Views of -x and of conjugates share the numbers of x, and a note says so."""
    def noted(kind, key, note):
        rest = made.number(0), made.row(made.number(2)), made.row(made.number(1)), b"\x89", made.ORDERED
        notes = b"}" + made.text(note) + b"\x88s"
        stored = made.storage(kind, key, 2)
        return made.name("torch._utils", "_rebuild_tensor_v2") + made.row(stored, *rest, notes) + b"R"

    tensors = made.mapping({"neg": noted("Float", "0", "neg"), "conj": noted("ComplexFloat", "1", "conj")})
    storages = {"0": (2, np.float32([1, -2]).tobytes()), "1": (2, np.complex64([1 + 2j, 3j]).tobytes())}
    found = load_pth(written(tmp_path, form(tensors, storages)))
    assert found["neg"].tolist() == [-1, 2] and found["conj"].tolist() == [1 - 2j, -3j]


def test_what_stands_beside_tensors_is_passed_over(tmp_path):
    part, data = made.tensor(np.float32([1, 2]), "k")
    beside = {
        "size": made.name("torch", "Size") + made.row(made.row(made.number(3))) + b"R",
        "dtype": made.name("torch", "float32"),
        "device": made.name("torch", "device") + made.row(made.text("cpu")) + b"R",
        "bytes": made.name("_codecs", "encode") + made.row(made.text("a"), made.text("latin1")) + b"R",
        "set": b"\x8f(K\x01\x90", "frozen": b"(K\x01\x91", "new bytes": b"C\x02ab", "array": b"\x96\2\0\0\0\0\0\0\0ab",
        "counter": made.name("collections", "Counter") + made.row(b"}") + b"R",
        "large": b"\x8b\2\0\0\0\1\1",
    }  # fmt: skip
    lists = made.name("collections", "defaultdict") + made.row(made.name("__builtin__", "list")) + b"R"
    tensors = made.mapping({**beside, "lists": lists + made.text("w") + b"](" + part + b"es"})
    assert list(load_pth(written(tmp_path, made.stream(tensors, {"k": (2, data)})))) == ["lists.w.0"]


def test_keys_that_are_numbers_or_tuples(tmp_path):
    part, data = made.tensor(np.float32([1, 2]), "k")
    keys = b"N", b"\x88", b"G" + np.array(1.5, ">f8").tobytes(), made.row(made.number(1), made.text("a"))
    tensors = b"}(" + b"".join(key + part for key in keys) + b"u"
    found = load_pth(written(tmp_path, made.stream(tensors, {"k": (2, data)})))
    assert list(found) == ["None", "True", "1.5", "(1, 'a')"]


def test_parameters_and_tensors_with_attributes(tmp_path):
    part, data = made.tensor(np.float32([1, 2]), "k")
    state = b"}" + made.text("note") + b"Ns"
    rest = part, b"\x88", made.ORDERED, state
    parameter = made.name("torch._utils", "_rebuild_parameter_with_state") + made.row(*rest) + b"R"
    arguments = part.removeprefix(made.name("torch._utils", "_rebuild_tensor_v2")).removesuffix(b"R")
    rest = made.name("torch._utils", "_rebuild_tensor_v2"), made.name("torch", "Tensor"), arguments, state
    marked = made.name("torch._tensor", "_rebuild_from_type_v2") + made.row(*rest) + b"R"
    tensors = made.mapping({"parameter": parameter, "marked": marked})
    found = load_pth(written(tmp_path, made.stream(tensors, {"k": (2, data)})))
    assert found["parameter"].tolist() == [1, 2] and found["marked"].tolist() == [1, 2]


def test_a_storage_by_itself_is_a_row(tmp_path):
    tensors = made.mapping({"w": made.storage("Float", "0", 2), "u": untyped("1", 3)})
    storages = {"0": (2, np.float32([1, 2]).tobytes()), "1": (3, b"abc")}
    found = load_pth(written(tmp_path, made.archive(tensors, storages)))
    assert found["w"].tolist() == [1, 2] and found["u"].tolist() == [97, 98, 99]


def test_numbers_of_a_big_endian_machine(tmp_path):
    tensors = made.mapping({"w": made.rebuilt(made.storage("Float", "0", 2), 0, (2,), (1,)),
                            "h": made.rebuilt(made.storage("BFloat16", "1", 1), 0, (1,), (1,))})  # fmt: skip
    storages = {"0": (2, np.array([1.5, -2], ">f4").tobytes()), "1": (1, b"\x3f\xc0")}
    found = load_pth(written(tmp_path, made.archive(tensors, storages, order=b"big")))
    assert found["w"].tolist() == [1.5, -2] and found["w"].dtype.isnative and found["h"].tolist() == [1.5]


@pytest.mark.parametrize("form", [made.stream, made.archive])
def test_a_large_file_takes_its_size_in_memory_once(tmp_path, form):
    path = written(tmp_path, made.pth({"w": np.zeros(1 << 20, "f4")}, form))
    tracemalloc.start()
    try:
        found = load_pth(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found["w"].nbytes == 4 << 20 and peak < (4 << 20) + 2 * pth.PIECE


class Harm:
    """What a usual unpickler would run."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def harmful(function, *arguments, protocol=2):
    body = pickle.dumps(OrderedDict(w=Harm(function, *arguments)), protocol)
    return body[2:-1]


@FORMS
@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (os.system, ("touch PWNED",), rf"asks for '{os.name}.system'"),
        (eval, ("open('PWNED', 'w')",), r"asks for '(__builtin__|builtins).eval'"),
        (subprocess.Popen, (["touch", "PWNED"],), r"asks for '(subprocess|commands).Popen'"),
        (getattr, (OrderedDict, "fromkeys"), r"asks for '(__builtin__|builtins).getattr'"),
    ],
)
def test_what_would_run_is_refused_by_name_and_does_not_run(tmp_path, monkeypatch, form, function, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert re.search(words, refused(tmp_path, form(harmful(function, *arguments), {})))
    assert sorted(os.listdir(tmp_path)) == ["weights.pth"]


REFUSED = {
    "INST": (b"(ios\nsystem\n", "opcode INST"),
    "OBJ": (b"(" + made.ORDERED + b"o", "opcode OBJ"),
    "NEWOBJ": (made.name("collections", "OrderedDict") + b")\x81", "opcode NEWOBJ"),
    "EXT1": (b"\x82\x01", "opcode EXT1"),
    "PERSID": (b"Pstorage\n", "opcode PERSID"),
    "DUP": (b"K\x012", "opcode DUP"),
    "no opcode": (b"\xff", "byte 0xff, which is not an opcode"),
    "a module": (made.name("torch.nn.modules.conv", "Conv2d"), "asks for 'torch.nn.modules.conv.Conv2d'"),
    "sparse": (made.name("torch._utils", "_rebuild_sparse_tensor"), "it holds a sparse tensor; save tensor.to_dense()"),
    "quantised": (made.name("torch._utils", "_rebuild_qtensor"), "it holds a quantised tensor"),
    "complex32": (made.name("torch", "complex32"), "numbers of type complex32, which have no counterpart in NumPy"),
    "subclass": (made.name("torch._tensor", "_rebuild_from_type_v2") + made.row(
        made.name("torch._utils", "_rebuild_tensor_v2"), made.name("torch", "Size"), b")", b"N") + b"R", "do not fit"),
    "device attributes": (made.name("torch", "device") + made.row(made.text("a")) + b"R}b", "something else where"),
    "two words": (made.name("collections OrderedDict", ""), "asks for"),
    "long name": (b"c" + b"a" * 500 + b"\nb\n", "longer than 200 bytes"),
    "REDUCE of no name": (b"K\x01)R", "a int where a name belongs"),
    "REDUCE of a storage type": (made.name("torch", "FloatStorage") + b")R", "torch.FloatStorage with 0 arguments"),
    "OrderedDict of something": (made.name("collections", "OrderedDict") + b"K\x01\x85R", "with 1 arguments"),
    "BUILD of a tensor": (made.tensor(np.float32([1]), "k")[0] + b"}b", "a tensor where a dict belongs"),
    "BUILD of attributes": (made.ORDERED + b"}" + made.text("__class__") + b"Nsb", "opcode BUILD"),
    "empty stack": (b"a", "takes a value where there is none"),
    "below the mark": (b"](a", "takes a value where there is none"),
    "no mark": (b"t", "a mark that was never set"),
    "no memo": (b"h\x07", "recalls value 7"),
    "odd items": (b"}(K\x01u", "a key without a value"),
    "key a nest": (b"}(K\x01)tK\x01s", "a tuple as a key"),
    "key a list": (b"}]Ns", "a list as a key"),
    "left over": (b"K\x01K\x02", "values left over"),
    "no container": (b"K\x01", "it holds a int, and no tensors"),
    "text cut": (b"X\xff\xff\xff\xff", "cut short: 4294967295 bytes are announced"),
    "text negative": (b"T\xff\xff\xff\xff", "a text in it has -1 bytes"),
    "text no UTF-8": (b"U\x01\xff", "no UTF-8"),
    "STACK_GLOBAL of numbers": (b"K\x01K\x02\x93", "a int where a str belongs"),
    "cycle": (b"}q\x01" + made.text("a") + b"h\x01s", "containers are more than 16 deep"),
    "deep": (b"]" * 100 + b"a" * 99, "containers are more than 16 deep"),
    "storage unlike": (b"K\x01\x85Q", "is not described as"),
    "storage view": (
        made.storage("Float", "0", 1)[:-2] + made.row(b"N", b"N", b"N") + b"tQ", "is not described as",
    ),
    "storage negative": (
        made.row(made.text("storage"), made.name("torch", "FloatStorage"), made.text("0"), b"N", b"J\xff\xff\xff\xff")
        + b"Q",
        "is not described as",
    ),
    "storage twice": (
        b"(" + made.storage("Float", "0", 1) + made.storage("Float", "0", 2) + b"t", "described twice, and differently",
    ),
}  # fmt: skip


@FORMS
@pytest.mark.parametrize("case", REFUSED)
def test_other_programs_are_refused_in_words(tmp_path, form, case):
    program, words = REFUSED[case]
    assert words in refused(tmp_path, form(program, {}))


STORED = made.storage("Float", "0", 6)
BEYOND = {
    "too many": (0, (7,), (1,)),
    "offset": (1, (6,), (1,)),
    "stride": (0, (2, 3), (4, 1)),
    "expanded": (0, (1 << 40,), (0,)),
    "huge": (0, (1 << 62, 4), (0, 0)),
    "huge and empty": (0, (0, 1 << 62, 4), (1, 1, 1)),
    "unlike": (0, (2, 3), (1,)),
    "axes": (0, (1,) * 65, (1,) * 65),
}


@pytest.mark.parametrize("case", BEYOND)
def test_a_tensor_never_reaches_beyond_its_storage(tmp_path, case):
    tensors = made.mapping({"w": made.rebuilt(STORED, *BEYOND[case])})
    message = refused(tmp_path, made.stream(tensors, {"0": (6, bytes(24))}))
    assert re.search("reaches beyond its storage of 6 elements|that no array can have|unfold to more", message)


@pytest.mark.parametrize(
    "bad", [b"J\xff\xff\xff\xff", b"\x88", b"N", b"G" + bytes(8)], ids=["-1", "True", "None", "0.0"]
)
@pytest.mark.parametrize("at", ["offset", "shape", "strides"])
def test_offsets_shapes_and_strides_are_whole_numbers(tmp_path, bad, at):
    values = {"offset": made.number(0), "shape": made.number(2), "strides": made.number(1)} | {at: bad}
    arguments = STORED, values["offset"], values["shape"] + b"\x85", values["strides"] + b"\x85", b"\x89", made.ORDERED
    tensors = made.mapping({"w": made.name("torch._utils", "_rebuild_tensor_v2") + made.row(*arguments) + b"R"})
    assert "that no array can have" in refused(tmp_path, made.stream(tensors, {"0": (6, bytes(24))}))


ONE = made.mapping({"w": made.tensor(np.float32([1, 2]), "k")[0]})
BYTES = np.float32([1, 2]).tobytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"\x89HDF\r\n\x1a\n", "begins neither as a zip archive nor as a pickle"),
        (b"PK\x03\x04" + bytes(50), "a damaged zip archive"),
        (pickle.dumps({"a": 1}, 2), "PyTorch's magic number"),
        (made.stream(ONE, {"k": (2, BYTES)}, magic=1), "PyTorch's magic number"),
        (made.stream(ONE, {"k": (2, BYTES)}, version=1000), "version is not 1001"),
        (made.stream(ONE, {"k": (2, BYTES)}, little=b"\x89"), "not little-endian"),
        (made.archive(ONE, {"k": (2, BYTES)}, order=b"middle"), "neither little-endian nor big-endian"),
        (made.stream(ONE, {"k": (2, BYTES)}, counts={"k": 3}), "has 2 elements, and 3 follow"),
        (made.stream(ONE, {"k": (2, BYTES)}, counts={"k": -1}), "has 2 elements, and -1 follow"),
        (made.stream(ONE, {"k": (2, BYTES)}, keys=["x"]), "lists 1 storages"),
        (made.stream(ONE, {"k": (2, BYTES)}, keys=["k", "k"]), "lists 2 storages"),
        (made.stream(ONE, {"k": (2, BYTES)}, keys=[]), "lists 0 storages"),
        (made.stream(ONE, {"k": (2, BYTES[:-1])}), "cut short: storage 'k' has 8 bytes, 7 follow"),
        (made.stream(ONE, {"k": (2, BYTES)}) + b"more", "4 bytes follow its last storage"),
        (made.archive(ONE, {}), "storage 'k' is not in the archive"),
        (made.archive(ONE, {"k": (2, BYTES + b"x")}), "needs 8 bytes, its entry has 9"),
        (made.archive(ONE, {"k": (2, BYTES)}, compression=zipfile.ZIP_DEFLATED), "compressed or encrypted"),
        (made.archive(ONE, {"k": (2, BYTES)}, folder="a/b"), "0 entries NAME/data.pkl"),
        (made.pth({"b": np.array([True])}).replace(b"\1\0\0\0\0\0\0\0\1", b"\1\0\0\0\0\0\0\0\7"), "is boolean"),
    ],
)  # fmt: skip
def test_damaged_and_foreign_files_are_refused_in_words(tmp_path, data, words):
    assert words in refused(tmp_path, data)


def test_two_tensors_of_one_name(tmp_path):
    part, data = made.tensor(np.float32([1]), "k")
    tensors = made.mapping({"a.b": part, "a": made.mapping({"b": part})})
    assert "two tensors are named 'a.b'" in refused(tmp_path, made.stream(tensors, {"k": (1, data)}))


def measured(path, count_calls):
    """The refusal of a file, what it took in memory at most, and how many calls; measured one after the other."""

    def load():
        with pytest.raises(FileFormatError) as caught:
            load_pth(path)
        return str(caught.value)

    tracemalloc.start()
    message = load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return message, peak, count_calls(load)


def bomb_of_lists():
    """Lists that hold the one before four times: 4**12 ways to one tensor, which is empty and so costs nothing."""
    part, data = made.tensor(np.zeros(0, "f4"), "k")
    program = b"](" + part + b"eq\0"
    for k in range(12):
        before, after = b"h" + bytes([k]), b"q" + bytes([k + 1])
        program += b"](" + 4 * before + b"e" + after
    return made.stream(b"(" + program + b"t", {"k": (0, data)})


def bomb_of_names():
    """A storage of 1 MB under a thousand names."""
    stored, numbers = made.storage("Float", "0", 1 << 18), bytes(1 << 20)
    head = made.rebuilt(stored, 0, (1 << 18,), (1,)) + b"q\x01"
    rest = b"".join(made.text(f"w{k}") + b"h\x01" for k in range(1000))
    return made.stream(made.ORDERED + b"(" + made.text("w") + head + rest + b"u", {"0": (1 << 18, numbers)})


BOMBS = {
    "a storage of 2**60 elements": (made.stream(
        made.mapping({"w": made.rebuilt(made.storage("Double", "0", 1 << 60), 0, (1,), (1,))}), {"0": (1 << 60, b"")}
    ), "cut short"),
    "the same in a zip": (made.archive(
        made.mapping({"w": made.rebuilt(made.storage("Double", "0", 1 << 60), 0, (1,), (1,))}), {"0": (0, b"abc")}
    ), "its entry has 3"),
    "many ways to one tensor": (bomb_of_lists(), "values"),
    "many names for one storage": (bomb_of_names(), "unfold to"),
    "many instructions": (made.stream(b"N" * 1_200_000, {}), "more than 1000000 instructions"),
}  # fmt: skip


@pytest.mark.level("thorough")
@pytest.mark.parametrize("case", BOMBS)
def test_bombs_cost_little_work_and_memory(tmp_path, count_calls, case):
    data, words = BOMBS[case]
    message, peak, calls = measured(written(tmp_path, data), count_calls)
    assert words in message
    assert peak < 10 * len(data) + (8 << 20) and calls < 10 * (len(data) + pth.MOST_VALUES)


@settings(max_examples=300)
@given(
    cut=st.integers(0, 4000),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=5),
    form=st.sampled_from([made.stream, made.archive]),
)
def test_any_damage_is_an_error_in_words_or_a_dict_of_arrays(tmp_path_factory, cut, flips, form):
    data = bytearray(made.pth({k: v for k, v in ARRAYS.items() if v.size < 10}, form))
    data = data[: len(data) - cut] if cut < len(data) // 2 else data
    for at, value in flips:
        data[at % len(data)] = value
    path = tmp_path_factory.mktemp("pth") / "weights.pth"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert all(isinstance(a, np.ndarray) for a in load_pth(path).values())
    except FileFormatError as error:
        assert str(error).startswith(str(path))
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < pth.LEAST + (4 << 20)


@settings(max_examples=300)
@given(program=st.lists(st.sampled_from(sorted(unpickle._STEPS)), max_size=40), more=st.binary(max_size=20))
def test_any_program_of_known_opcodes_ends_in_words(tmp_path_factory, program, more):
    path = tmp_path_factory.mktemp("pth") / "weights.pth"
    path.write_bytes(made.stream(b"".join(program) + more, {}))
    try:
        load_pth(path)
    except FileFormatError as error:
        assert str(error).startswith(str(path))


def test_every_truncation_is_refused(tmp_path):
    for form in (made.stream, made.archive):
        data = made.pth({"w": np.float32([1, 2])}, form)
        for cut in range(len(data)):
            refused(tmp_path, data[:cut])


def test_missing_files_folders_and_pipes(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_pth(tmp_path / "a")
    with pytest.raises(IsADirectoryError, match="give the name of a PyTorch file"):
        load_pth(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileFormatError, match="is a pipe or a device"):
            load_pth(tmp_path / "pipe")


def test_no_unpickler_is_loaded(tmp_path):
    path = written(tmp_path, made.pth(ARRAYS))
    code = (
        "import sys, numpy; before = set(sys.modules); from tinygrad_cnn.io import load_pth; "
        "assert load_pth(sys.argv[1]); assert not {'pickle', '_pickle', 'torch'} & (set(sys.modules) - before)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
