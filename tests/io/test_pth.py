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
    "no opcode": (b"\xff", "byte 0xff, which is no opcode"),
    "a module": (made.name("torch.nn.modules.conv", "Conv2d"), "asks for 'torch.nn.modules.conv.Conv2d'"),
    "bfloat16": (made.name("torch", "BFloat16Storage"), "which NumPy does not have"),
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
    "key a tuple": (b"})K\x01s", "a tuple as a key"),
    "key a float": (b"}G" + bytes(8) + b"Ns", "a float as a key"),
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
    assert "reaches beyond its storage of 6 elements" in message or "that no array can have" in message


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
        (made.archive(ONE, {"k": (2, BYTES)}, order=b"big"), "not little-endian"),
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
    assert peak < 4 << 20


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
