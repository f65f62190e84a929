"""Weights with a manifest: values by hand, and every way in which manifest and files can disagree."""

import json
import os
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_cnn.io import FileFormatError, load_quantised

made = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("published.py"))))  # tests/io is no package


def weight(name="w", shape=(2, 2), dtype="float32", quantization=None):
    entry = {"name": name, "shape": list(shape), "dtype": dtype}
    return {**entry, "quantization": quantization} if quantization is not None else entry


U8 = {"dtype": "uint8", "scale": 0.5, "min": -1.0}


def test_a_byte_stands_for_byte_times_scale_plus_min(tmp_path):
    path = made.quantised(tmp_path, [weight(quantization=U8)], bytes([0, 1, 2, 255]))
    found = load_quantised(path)["w"]
    assert found.dtype == np.float32 and found.tolist() == [[-1.0, -0.5], [0.0, 126.5]]
    assert found.flags.writeable


def test_other_kinds(tmp_path):
    plain = np.float32([1.5, -2]), np.int32([7]), np.array([True, False]), np.uint8([3]), np.complex64([1j])
    weights = [weight(a.dtype.name, a.shape, a.dtype.name) for a in plain]
    weights += [
        weight("u16", (1,), dtype="float32", quantization={**U8, "dtype": "uint16"}),
        weight("f16", (2,), dtype="float32", quantization={"dtype": "float16"}),
        weight("whole", (2,), "int32", quantization={**U8, "scale": 0.4, "min": 0}),
        weight("none", (0, 3)),
        weight("one", ()),
    ]
    data = b"".join(a.tobytes() for a in plain) + np.array([1000], "<u2").tobytes()
    data += np.array([0.5, 2], "<f2").tobytes() + bytes([1, 4]) + np.array([9], "<f4").tobytes()
    found = load_quantised(made.quantised(tmp_path, weights, data))
    for a in plain:
        assert found[a.dtype.name].dtype == a.dtype and found[a.dtype.name].tobytes() == a.tobytes()
    assert found["u16"] == 499 and found["f16"].tolist() == [0.5, 2] and found["f16"].dtype == np.float32
    assert found["whole"].tolist() == [0, 2] and found["whole"].dtype == np.int32
    assert found["none"].shape == (0, 3) and found["one"].shape == () and found["one"] == 9


def test_groups_of_several_files_and_a_model_file(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "1").write_bytes(bytes([1]))
    (tmp_path / "2").write_bytes(bytes([2, 3]))
    (tmp_path / "3").write_bytes(bytes([4]))
    groups = [{"paths": ["sub/1", "2"], "weights": [weight("a", (3,), "uint8")]},
              {"paths": ["3"], "weights": [weight("b", (1,), "uint8")]}]  # fmt: skip
    for content in (groups, {"format": "layers-model", "weightsManifest": groups}):
        (tmp_path / "m.json").write_text(json.dumps(content))
        found = load_quantised(tmp_path / "m.json")
        assert found["a"].tolist() == [1, 2, 3] and found["b"].tolist() == [4]


def refused(path):
    with pytest.raises(FileFormatError) as caught:
        load_quantised(path)
    message = str(caught.value)
    assert str(path.parent) in message and "\n" not in message and len(message) < 700
    return message


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([weight()], "cut short: weight 'w' of shape (2, 2) needs 16 bytes, 4 are left"),
        ([weight(shape=(1 << 40,), quantization=U8)], "needs 1099511627776 bytes, 4 are left"),
        ([weight(shape=(1 << 62, 4), quantization=U8)], "a shape that no array can have"),
        ([weight(shape=(0, 1 << 62), quantization=U8)], "a shape that no array can have"),
        ([weight(shape=(-2, -2), quantization=U8)], "a shape that no array can have"),
        ([weight(shape=(True, 4), quantization=U8)], "a shape that no array can have"),
        ([weight(shape=(4.0,), quantization=U8)], "a shape that no array can have"),
        ([weight(shape=(1,) * 65, quantization=U8)], "a shape that no array can have"),
        ([{"name": "w", "shape": 4, "dtype": "uint8"}], "a shape that no array can have"),
        ([weight(shape=(3,), quantization=U8)], "1 bytes are left over"),
        ([], "4 bytes are left over"),
        ([weight("w", (2,), quantization=U8), weight("w", (2,), quantization=U8)], "two weights are named 'w'"),
        ([weight(dtype="string")], "has dtype 'string'; known are float32"),
        ([weight(dtype=None)], "has dtype 'None'"),
        ([weight(dtype="bool", shape=(4,))], "is boolean"),
        ([weight(quantization={**U8, "dtype": "int8"})], "'int8' cannot stand for float32"),
        ([weight(dtype="bool", quantization=U8)], "'uint8' cannot stand for bool"),
        ([weight(quantization={**U8, "scale": float("nan")})], "needs a finite scale and min"),
        ([weight(quantization={**U8, "min": float("inf")})], "needs a finite scale and min"),
        ([weight(quantization={**U8, "scale": "0.5"})], "needs a finite scale and min"),
        ([weight(quantization={**U8, "scale": 10**400})], "needs a finite scale and min"),
        ([weight(quantization={**U8, "scale": 9e37})], "values beyond float32"),
        ([weight(dtype="int32", quantization={**U8, "scale": 1e12})], "values beyond int32"),
        ([{**weight(), "quantization": 7}], "no 'dtype' of type str"),
        ([{"shape": [4], "dtype": "uint8"}], "no 'name' of type str"),
        ([None], "no 'name' of type str"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_words(tmp_path, weights, words):
    assert words in refused(made.quantised(tmp_path, weights, bytes([0, 1, 2, 255])))


@pytest.mark.parametrize(
    "name",
    ["../secret", "a/../../secret", "/etc/hostname", "..", "", "C:\\x", "a\\..\\x", "a\0b", 7, None, "link/secret"],
)
def test_files_outside_the_folder_are_refused(tmp_path, name):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(4))
    if hasattr(os, "symlink"):
        os.symlink(tmp_path, folder / "link")
    message = refused(made.quantised(folder, [weight(quantization=U8)], bytes(4), paths=[name]))
    assert "does not stay in the manifest's folder" in message or "leads out of the manifest's folder" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a JSON file"),
        (b"\xff\xfe\x00", "not a JSON file"),
        (b"[" * 100_000, "not a JSON file"),
        (b"[" + b"9" * 5000 + b"]", "not a JSON file"),
        (b"7", "not a weights manifest"),
        (b"[]", "not a weights manifest"),
        (b"{}", "not a weights manifest"),
        (b"[7]", "no 'paths' of type list"),
        (b'[{"paths": []}]', "no 'weights' of type list"),
        (b'[{"paths": ["weights.bin", "./weights.bin"], "weights": []}]', "names the file 'weights.bin' twice"),
        (b'[{"paths": ["none.bin"], "weights": []}]', "there is no such file beside it"),
        (b" " * (1 << 24) + b"[]", "has at most 16777216 bytes"),
    ],
)
def test_manifests_that_are_none(tmp_path, content, words):
    path = made.quantised(tmp_path, [], b"")
    path.write_bytes(content)
    assert words in refused(path)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4), st.integers(0, 300))
def test_any_damage_is_an_error_in_words_or_a_dict_of_arrays(tmp_path_factory, flips, cut):
    folder = tmp_path_factory.mktemp("q")
    path = made.quantised(folder, [weight("a", (4,), quantization=U8), weight("b", (1,))], bytes(8))
    data = bytearray(path.read_bytes())
    data = data[: len(data) - cut] if cut < 100 else data
    for at, value in flips:
        data[at % len(data)] = value
    path.write_bytes(data)
    try:
        assert all(isinstance(a, np.ndarray) for a in load_quantised(path).values())
    except FileFormatError as error:
        assert str(folder) in str(error)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_quantised(tmp_path / "a")
    with pytest.raises(IsADirectoryError, match="give the name of a weights manifest"):
        load_quantised(tmp_path)
