"""What is saved comes back bit for bit; what is no safetensors file is refused in one worded error."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_cnn as tg
from tinygrad_cnn.io import FileFormatError, load, read_metadata, save
from tinygrad_cnn.io.tensors import DTYPES

RNG = np.random.default_rng(0)
BASE = RNG.normal(size=(4, 6, 2))


def same_bits(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5,), (2, 3, 4)], ids=str)
def test_every_dtype_and_shape_round_trips(tmp_path, dtype, shape):
    array = RNG.integers(0, 2, shape).astype(dtype) if dtype.kind == "b" else RNG.normal(size=shape).astype(dtype)
    save(tmp_path / "a.safetensors", {"x": array})
    back = load(tmp_path / "a.safetensors")["x"]
    assert same_bits(back, np.asarray(array))
    assert back.flags.writeable and back.flags.owndata


@pytest.mark.parametrize(
    "view",
    [BASE.T, BASE[::2, ::-1], np.asfortranarray(BASE), BASE[:, 1], np.broadcast_to(BASE[0], (3, 6, 2)), BASE[0, 0, 0]],
    ids=["transposed", "strided", "fortran", "sliced", "broadcast", "scalar"],
)
def test_any_memory_layout_round_trips(tmp_path, view):
    save(tmp_path / "a", {"x": view})
    assert same_bits(load(tmp_path / "a")["x"], np.asarray(view))


@given(
    arrays=st.dictionaries(
        st.text(max_size=20).filter(lambda s: s != "__metadata__"),
        hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, min_side=0, max_side=4)),
        max_size=4,
    )
)
def test_any_dict_round_trips(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("any") / "a"
    save(path, arrays)
    back = load(path)
    assert back.keys() == arrays.keys()
    assert all(same_bits(back[name], arrays[name]) for name in arrays)


def test_special_values_keep_their_bits(tmp_path):
    odd = np.array([0x7FC00001, 0xFFC12345, 0x7F800000, 0x80000000, 1], np.uint32).view(np.float32)
    save(tmp_path / "a", {"x": odd})
    assert same_bits(load(tmp_path / "a")["x"], odd)


def test_foreign_byte_order_keeps_its_values(tmp_path):
    save(tmp_path / "a", {"x": np.array([1, 2**20], ">i4"), "y": np.array(0.1, ">f8")})
    back = load(tmp_path / "a")
    np.testing.assert_array_equal(back["x"], [1, 2**20])
    assert back["y"] == 0.1 and back["y"].dtype == np.dtype("f8")


def test_tensors_and_things_with_a_state_dict(tmp_path):
    class Thing:
        def state_dict(self):
            return {"w": tg.Tensor([1.0, 2.0], requires_grad=True), "steps": np.int64(3)}

    save(tmp_path / "a", Thing(), metadata={"épochs": "3", "": ""})
    back = load(tmp_path / "a")
    np.testing.assert_array_equal(back["w"], np.float32([1, 2]))
    assert back["steps"] == 3 and back["steps"].shape == ()
    assert read_metadata(tmp_path / "a") == {"épochs": "3", "": ""}


def test_no_metadata_reads_as_an_empty_dict(tmp_path):
    save(tmp_path / "a", {})
    assert load(tmp_path / "a") == {} and read_metadata(tmp_path / "a") == {}


def test_equal_contents_give_equal_files(tmp_path):
    save(tmp_path / "a", {"x": BASE, "y": BASE[0]})
    save(tmp_path / "b", {"y": BASE[0], "x": BASE})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([1, 2], "needs a dict of arrays.*got list"),
        (BASE, "needs a dict of arrays.*got ndarray"),
        ({"a": 3j}, "'a' is of type complex"),
        ({"a": {"b": [BASE, {1}]}}, "'a.b.1' is of type set"),
        ({1: BASE}, "names must be text, got 1"),
        ({"a": np.array([object()])}, "dtype object"),
        ({"a": np.array(["x"])}, "dtype <U1"),
        ({"a": np.zeros(2, complex)}, "dtype complex128"),
        ({"a": np.zeros(2, np.longdouble)}, "dtype (float128|longdouble|float96)"),
        ({"a": np.zeros(2, "M8[s]")}, "dtype datetime64"),
        ({"a": np.zeros(2, [("x", "f4")])}, "dtype"),
        ({"a": np.ma.masked_array([1.0, 2.0], [True, False])}, "MaskedArray"),
    ],
)
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(tmp_path, source, words):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=words):
        save(path, source)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]


def test_reserved_names_and_metadata_that_is_not_text(tmp_path):
    with pytest.raises(ValueError, match="__metadata__"):
        save(tmp_path / "a", {"__metadata__": BASE})
    for bad in ({"epoch": 3}, {3: "epoch"}):
        with pytest.raises(TypeError, match="metadata holds text only"):
            save(tmp_path / "a", {}, metadata=bad)
    assert os.listdir(tmp_path) == []


def raw(header, body=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(header).to_bytes(8, "little") + header + body


def entry(dtype="F32", shape=(1,), begin=0, end=4):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize(("kind", "codes", "values"), [
    ("BF16", b"\xc0\x3f\x80\xff", [1.5, -np.inf]), ("F8_E4M3", b"\x38\xfe", [1, -448]),
    ("F8_E5M2", b"\x3c\x7c", [1, np.inf]), ("F8_E8M0", b"\x7f\x80", [1, 2]),
])  # fmt: skip
def test_small_floats_come_out_as_float32(tmp_path, kind, codes, values):
    (tmp_path / "a.safetensors").write_bytes(raw({"w": entry(kind, (2, 1), end=len(codes))}, codes))
    found = tg.load(tmp_path / "a.safetensors")["w"]
    assert found.dtype == np.float32 and found.shape == (2, 1) and found.ravel().tolist() == values
    assert found.flags.writeable and found.flags.owndata


HOSTILE = {
    "empty": (b"", "it is empty"),
    "tiny": (b"abc", "header size needs 8 bytes, the file has 3"),
    "header too long": (raw({})[:9], "claims a header of 2 bytes, and 1 bytes follow"),
    "header endless": (b"\xff" * 16, "claims a header of 18446744073709551615 bytes"),
    "header no JSON": (raw(b"hello"), "header"),
    "header a list": (raw(b"[]"), "header"),
    "deep nesting": (raw(b'{"a":' * 50_000), "header"),
    "bad UTF-8": (raw(b'{"\xff": 1}'), "header"),
    "short body": (raw({"a": entry()}, b"abc"), "file"),
    "long body": (raw({"a": entry()}, b"abcde"), "file"),
    "gap": (raw({"a": entry(begin=4, end=8)}, b"abcdefgh"), "offset"),
    "overlap": (raw({"a": entry(), "b": entry()}, b"abcd"), "offset"),
    "backwards": (raw({"a": entry(begin=4, end=0)}, b"abcd"), "a"),
    "shape against bytes": (raw({"a": entry(shape=(2,))}, b"abcd"), "shape"),
    "negative": (raw({"a": entry(shape=(-1,))}, b"abcd"), "-1"),
    "overflow": (raw({"a": entry(shape=(2**62, 4), end=0)}), "overflow"),
    "too big for NumPy": (raw({"a": entry(shape=(0, 2**62, 4), end=0)}), "NumPy cannot make"),
    "too many axes": (raw({"a": entry(shape=(1,) * 100)}, b"abcd"), "NumPy cannot make"),
    "unknown dtype": (raw({"a": entry("F99")}, b"abcd"), "F99"),
    "float4": (raw({"a": entry("F4", (8,))}, b"abcd"), "'a' holds numbers of type F4, which have no counterpart"),
    "dirty booleans": (raw({"a": entry("BOOL", (2,), end=2)}, b"\x07\x01"), "'a' is boolean"),
    "pickle": (pickle.dumps({"a": 1}), "looks like a pickle"),
    "zip": (b"PK\x03\x04" + bytes(100), "looks like a zip archive"),
    "npy": (b"\x93NUMPY" + bytes(100), "looks like a NumPy .npy file"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "looks like a PNG image"),
    "text": (b"epoch,loss\n1,0.5\n", "claims a header of"),
}


@pytest.mark.parametrize(("data", "words"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_by_name(tmp_path, data, words):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=words) as caught:
        load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert "Error while" not in str(caught.value)


def test_every_cut_and_every_flipped_header_byte_is_an_error_or_a_dict(tmp_path):
    path = tmp_path / "a"
    save(path, {"w": BASE[0, 0], "b": np.zeros(1, np.float32)}, metadata={"k": "v"})
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        for reader in (load, read_metadata):
            with pytest.raises(FileFormatError, match="a: not a valid"):
                reader(path)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
        try:
            assert isinstance(load(path), dict)
        except FileFormatError as error:
            assert str(path) in str(error)


def test_a_header_whose_length_begins_like_a_pickle_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(raw(json.dumps({"a": entry()}).encode().ljust(128), b"\0\0\x80\x3f"))
    assert path.read_bytes()[:1] == b"\x80"
    assert load(path)["a"] == 1


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load(tmp_path / "a")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load(tmp_path)


def test_the_library_is_imported_only_when_used():
    program = "import sys, tinygrad_cnn.io; assert not {'safetensors', 'pickle', 'json'} & (set(sys.modules) - before)"
    program = "import sys, numpy; before = set(sys.modules); " + program
    subprocess.run([sys.executable, "-c", program], check=True)
