"""Keras's HDF5 files: both layouts, whatever does not belong there, and damage on which the HDF5 library fails."""

import os
import random
import signal
import subprocess

import h5py
import numpy as np
import pytest

from tinygrad_cnn.io import FileFormatError, hdf5_reader, keras_h5, load_keras_h5

pytestmark = pytest.mark.level("default")

KERNEL = np.arange(6, dtype="f4").reshape(3, 2)
BIAS = np.float32([1, 2])


def keras3(path, **more):
    with h5py.File(path, "w") as file:
        for block in ("block1", "block2"):
            file[f"{block}/layers/conv2d/vars/0"] = KERNEL
            file[f"{block}/layers/conv2d/vars/1"] = BIAS
        file.create_group("vars")
        for name, value in more.items():
            file[name] = value
    return path


def keras2(path, root="", **more):
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        top.attrs["layer_names"] = [b"dense_1", b"pool", b"dense"]
        for layer in ("dense_1", "dense"):
            group = top.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/kernel:0".encode(), f"{layer}/bias:0".encode()]
            group[f"{layer}/kernel:0"], group[f"{layer}/bias:0"] = KERNEL, BIAS
        top.create_group("pool").attrs["weight_names"] = np.array([])
        file["optimizer_weights/step"] = 7
        for name, value in more.items():
            file[name] = value
    return path


def refused(path, reader=load_keras_h5):
    with pytest.raises(FileFormatError) as caught:
        reader(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message


def test_keras_3_names_are_paths(tmp_path):
    found = load_keras_h5(keras3(tmp_path / "a.weights.h5"))
    assert list(found) == [f"block{b}/layers/conv2d/vars/{k}" for b in (1, 2) for k in (0, 1)]
    kernel = found["block2/layers/conv2d/vars/0"]
    assert kernel.dtype == np.float32 and kernel.tobytes() == KERNEL.tobytes() and kernel.flags.writeable


@pytest.mark.parametrize("root", ["", "model_weights"])
def test_keras_1_and_2_are_read_in_the_order_of_their_lists(tmp_path, root):
    found = load_keras_h5(keras2(tmp_path / "a.h5", root))
    assert list(found) == [f"{layer}/{layer}/{w}:0" for layer in ("dense_1", "dense") for w in ("kernel", "bias")]
    np.testing.assert_array_equal(found["dense/dense/bias:0"], BIAS)


def test_long_lists_are_cut_into_several(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["layer_names0"] = [b"a"]
        file.attrs["layer_names1"] = [b"b"]
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names0"], group.attrs["weight_names1"] = np.array([b"w", b"v"]), np.array([b"u"])
        for k, name in enumerate("uvw"):
            group[name] = np.float32([k])
    assert list(load_keras_h5(tmp_path / "a.h5")) == ["a/w", "a/v", "a/u"]


@pytest.mark.level("thorough")
@pytest.mark.parametrize("code", ["<f2", "<f4", ">f4", "<f8", "<i4", ">i8", "u1", "?"])
def test_every_dtype_comes_in_this_machines_byte_order(tmp_path, code):
    array = np.array([[0, 1], [1, 0]]).astype(code)
    found = load_keras_h5(keras3(tmp_path / "a.h5", x=array))["x"]
    assert found.dtype == array.dtype.newbyteorder("=") and found.tolist() == array.tolist()


def test_scalars_empty_arrays_and_chunks(tmp_path):
    path = keras3(tmp_path / "a.h5", scalar=np.float32(3), none=np.zeros((0, 4), "f4"))
    with h5py.File(path, "a") as file:
        file.create_dataset("chunks", data=np.arange(12.0).reshape(3, 4), chunks=(2, 3))
    found = load_keras_h5(path)
    assert found["scalar"] == 3 and found["scalar"].shape == () and found["none"].shape == (0, 4)
    np.testing.assert_array_equal(found["chunks"], np.arange(12.0).reshape(3, 4))


def spoil(what):
    """A file with one thing in it that is no weight."""

    def make(path):
        with h5py.File(path, "w") as file:
            file["good"] = BIAS
            what(file, path)

    return make


def virtual(file, path):
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource(str(path.parent / "other.h5"), "x", (2,))
    file.create_virtual_dataset("bad", layout)


def ring(file, path):
    file["a/b/c"] = BIAS
    file["a/b/a"] = file["a"]


def deep(file, path):
    file["/".join("x" * 40)] = BIAS


def listed(names, weights=(b"w",)):
    def make(file, path):
        file.attrs["layer_names"] = names
        group = file.create_group("layer")
        group["w"] = BIAS
        if weights is not None:
            group.attrs["weight_names"] = list(weights)

    return make


SPOILT = {
    "soft link": (lambda f, p: f.__setitem__("bad", h5py.SoftLink("/good")), "'bad' is a link to somewhere else"),
    "external link": (
        lambda f, p: f.__setitem__("bad", h5py.ExternalLink("/etc/passwd", "/")), "'bad' is a link to somewhere else",
    ),
    "virtual": (virtual, "weight 'bad' lies in another file"),
    "external": (
        lambda f, p: f.create_dataset("bad", (4,), "u1", external=[("/etc/hostname", 0, 4)]),
        "weight 'bad' lies in another file",
    ),
    "compressed": (
        lambda f, p: f.create_dataset("bad", data=np.zeros(10**6), compression="gzip"), "weight 'bad' is compressed",
    ),
    "shuffled": (
        lambda f, p: f.create_dataset("bad", data=np.zeros(9), chunks=(3,), shuffle=True), "weight 'bad' is compressed",
    ),
    "text": (lambda f, p: f.__setitem__("bad", "hello"), "weight 'bad' has dtype object"),
    "fixed text": (lambda f, p: f.__setitem__("bad", np.bytes_("hello")), "weight 'bad' has dtype |S5"),
    "structure": (lambda f, p: f.__setitem__("bad", np.zeros(2, [("x", "f4")])), "weight 'bad' has dtype"),
    "reference": (lambda f, p: f.create_dataset("bad", (1,), h5py.ref_dtype), "weight 'bad' has dtype object"),
    "complex": (lambda f, p: f.__setitem__("bad", np.zeros(2, "c8")), "weight 'bad' has dtype complex64"),
    "a type": (lambda f, p: f.__setitem__("bad", np.dtype("f4")), "is a Datatype, neither a group nor an array"),
    "null": (lambda f, p: f.__setitem__("bad", h5py.Empty("f4")), "weight 'bad' has no shape"),
    "huge": (lambda f, p: f.create_dataset("bad", (1 << 40,), "f4", chunks=(1024,)), "which the file does not have"),
    "huger": (lambda f, p: f.create_dataset("bad", (1 << 40, 1 << 40), "f4", chunks=(1, 9)), "no array can have"),
    "ring": (ring, "stands under two names"),
    "deep": (deep, "more than 32 deep"),
    "long name": (lambda f, p: f.__setitem__("x" * 1001, BIAS), "names of more than 1000 letters"),
    "layer missing": (listed([b"nowhere"]), "'nowhere' is listed, but not there"),
    "layer an array": (listed([b"good"]), "layer 'good' is not a group"),
    "layer twice": (listed([b"layer", b"layer"]), "has a name twice"),
    "layer above": (listed([b"layer/../good"]), "is listed, but not there"),
    "no list of weights": (listed([b"layer"], None), "a group has no list 'weight_names'"),
    "weight missing": (listed([b"layer"], (b"v",)), "'layer/v' is listed, but not there"),
    "weight a group": (listed([b"layer"], (b"../layer",)), "is listed, but not there"),
    "list of numbers": (listed([1, 2]), "list 'layer_names' does not hold names"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_no_weight_is_refused_in_words(tmp_path, case):
    what, words = SPOILT[case]
    path = tmp_path / "a.h5"
    spoil(what)(path)
    with pytest.raises(hdf5_reader.Refused) as caught:
        hdf5_reader.read(str(path), path.stat().st_size)
    assert words in str(caught.value)


def test_a_refusal_comes_back_from_the_child(tmp_path):
    spoil(virtual)(tmp_path / "a.h5")
    assert "weight 'bad' lies in another file" in refused(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "not an HDF5 file"), (b"PK\x03\x04", "not an HDF5 file"), (b"\x89HDF\r\n\x1a\n", "a damaged HDF5 file"),
     (b"\x89HDF\r\n\x1a\n" + bytes(1000), "a damaged HDF5 file")],
)  # fmt: skip
def test_foreign_files(tmp_path, data, words):
    path = tmp_path / "a.h5"
    path.write_bytes(data)
    assert words in refused(path)


def test_a_file_without_weights(tmp_path):
    h5py.File(tmp_path / "a.h5", "w").close()
    assert "without weights" in refused(tmp_path / "a.h5")


def damaged(rng, whole):
    data = bytearray(whole)
    if rng.random() < 0.2:
        data = data[: rng.randrange(len(data))]
    for _ in range(rng.choice((1, 2, 5))):
        used = [k for k in rng.sample(range(len(data)), min(400, len(data))) if data[k]] or [0]
        if data:
            data[rng.choice(used)] = rng.choice((0, 1, 127, 128, 255))
    return bytes(data)


@pytest.mark.level("thorough")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 on: threads and fork
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_damage_is_refused_or_ends_a_process_that_is_not_ours(tmp_path):
    """Each try in a forked child, as `load_keras_h5` uses a fresh one; the library may crash or hang there."""
    rng = random.Random(0)
    wholes = [keras3(tmp_path / "3.h5").read_bytes(), keras2(tmp_path / "2.h5").read_bytes()]
    path, ends = tmp_path / "a.h5", []
    for _ in range(150):
        data = damaged(rng, rng.choice(wholes))
        path.write_bytes(data)
        child = os.fork()
        if not child:
            signal.alarm(5)
            try:
                hdf5_reader.read(str(path), len(data))
                os._exit(0)
            except hdf5_reader.Refused:
                os._exit(1)
            except BaseException:
                os._exit(2)
        ends.append(os.waitpid(child, 0)[1])
        if ends[-1] > 1 << 8:
            pytest.fail(f"another error than Refused; the file is {data!r}")
    assert ends.count(0) > 5 and ends.count(1 << 8) > 50


@pytest.mark.level("thorough")
def test_truncation_anywhere_is_refused(tmp_path):
    whole = keras3(tmp_path / "3.h5").read_bytes()
    path = tmp_path / "a.h5"
    for cut in (10, 96, 800, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert "damaged" in refused(path)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import time; time.sleep(60)", "did not come to an end on it in 1 seconds"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "crashed on it"),
        ("import sys; sys.exit(3)", "crashed on it"),
        ('print(\'{"arrays": [["a", "<f4", [2]]]}\')', "crashed on it"),
        ('print(\'{"arrays": [["a", "<f4", [99999999]]]}\')', "crashed on it"),
        ("print('{\"arrays\"')", "crashed on it"),
    ],
)
def test_a_child_that_hangs_crashes_or_lies_is_told_as_damage(tmp_path, monkeypatch, program, words):
    path = keras3(tmp_path / "a.h5")
    if "sleep" in program:  # the others must have the time to end by themselves, also on a busy machine
        monkeypatch.setattr(keras_h5, "SECONDS", 1)
    monkeypatch.setattr(keras_h5, "PROGRAM", program)
    children, start = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: children.append(start(*args, **more)) or children[0])
    assert words in refused(path)
    (child,) = children
    assert child.returncode is not None  # nothing is left running
    assert child.returncode != 0 or "sleep" not in program  # who sleeps was killed rather than waited for


def test_without_h5py_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(keras_h5.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad-cnn\[examples\]'"):
        load_keras_h5(tmp_path / "a.h5")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_keras_h5(tmp_path / "a")
    with pytest.raises(IsADirectoryError, match="give the name of a Keras HDF5 file"):
        load_keras_h5(tmp_path)
