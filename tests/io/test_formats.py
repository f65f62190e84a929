"""Arrays in files of any format: recognised by content, read in the memory that they take, converted."""

import contextlib
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tinygrad_cnn as tg
from tinygrad_cnn.io import FileFormatError, formats

ARRAYS = {
    "a.weight": np.arange(600, dtype=np.float32).reshape(20, 30), "b": np.array(3.5), "c": np.array([[1, -2]]),
    "d": np.array([True, False]), "e": np.zeros((0, 4), np.float32),
}  # fmt: skip


def as_onnx(path, arrays):
    tensors = [numpy_helper.from_array(a, name) for name, a in arrays.items()]
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Identity", [next(iter(arrays))], ["y"])], "g", [], [value], tensors)
    path.write_bytes(helper.make_model(graph, ir_version=10).SerializeToString())


def as_h5(path, arrays):
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


WRITERS = {
    "safetensors": tg.save, "npz": lambda path, arrays: np.savez(path, **arrays), "onnx": as_onnx, "hdf5": as_h5,
    "npz compressed": lambda path, arrays: np.savez_compressed(path, **arrays),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_any_format_is_recognised_by_content(name, tmp_path):
    path = tmp_path / ("arrays.npz" if name.startswith("npz") else "arrays")
    WRITERS[name](path, ARRAYS)
    path = path.rename(tmp_path / "nothing.in.particular")
    assert formats.recognised(path) == name.split()[0]
    found = tg.load(path)
    assert found.keys() == ARRAYS.keys()
    for key, array in ARRAYS.items():
        assert (found[key].dtype, found[key].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[key], array)
        assert found[key].flags.writeable


def test_fortran_order_and_objects_in_npz(tmp_path):
    np.savez(tmp_path / "a.npz", f=np.asfortranarray(np.arange(6.0).reshape(2, 3)), big=np.arange(3, dtype=">i4"))
    found = tg.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["f"], np.arange(6.0).reshape(2, 3))
    assert found["f"].flags.c_contiguous and found["big"].dtype == np.int32
    np.savez(tmp_path / "o.npz", o=np.array([{}], dtype=object))
    with pytest.raises(FileFormatError, match="holds object, not plain numbers"):
        tg.load(tmp_path / "o.npz")


def test_every_cut_of_an_npz_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(8.0), b=np.eye(2))
    whole = (tmp_path / "a.npz").read_bytes()
    for cut in range(0, len(whole), 3):
        (tmp_path / "cut").write_bytes(whole[:cut])
        with pytest.raises(FileFormatError, match="cut"):
            tg.load(tmp_path / "cut")
    for at in range(0, len(whole), 3):
        (tmp_path / "cut").write_bytes(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
        with contextlib.suppress(FileFormatError):
            tg.load(tmp_path / "cut")


def test_convert(tmp_path):
    as_onnx(tmp_path / "a.onnx", ARRAYS)
    tg.io.convert(tmp_path / "a.onnx", tmp_path / "b.npz")
    tg.io.convert(tmp_path / "b.npz", tmp_path / "c.safetensors")
    for key, array in tg.load(tmp_path / "c.safetensors").items():
        np.testing.assert_array_equal(array, ARRAYS[key])
    with pytest.raises(ValueError, match=r"written are \.safetensors and \.npz"):
        tg.io.convert(tmp_path / "b.npz", tmp_path / "c.pth")
    tg.save(tmp_path / "tree", {"model": ARRAYS, "epoch": 3})
    with pytest.raises(ValueError, match="holds more than arrays"):
        tg.io.convert(tmp_path / "tree", tmp_path / "c.npz")
    tg.io.convert(tmp_path / "tree", tmp_path / "tree.safetensors")
    assert tg.load(tmp_path / "tree.safetensors")["epoch"] == 3


MEASURE = """
import resource, sys
import numpy as np
import tinygrad_cnn as tg
from tinygrad_cnn.io import onnx_file
small, large = sys.argv[1:]
tg.load(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = tg.load(large)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.level("default")
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux tells it")
@pytest.mark.parametrize("name", ["safetensors", "npz", "onnx"])
def test_memory(name, tmp_path):
    suffix = ".npz" if name == "npz" else ""
    WRITERS[name](tmp_path / f"small{suffix}", {"a": np.ones(10_000, np.float32)})
    large = tmp_path / f"large{suffix}"
    WRITERS[name](large, {f"w{k}": np.full(5_000_000, k, np.float32) for k in range(4)})
    command = [sys.executable, "-c", MEASURE, tmp_path / f"small{suffix}", large]
    used = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert used < 1.3 * large.stat().st_size


def test_large_files_show_their_progress(tmp_path, monkeypatch, capsys):
    from tinygrad_cnn.io import meter

    tg.save(tmp_path / "a", {"a": np.ones(1000)})
    tg.load(tmp_path / "a")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(meter, "LARGE", 1000)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    tg.load(tmp_path / "a")
    assert "a:" in capsys.readouterr().err


def test_onnx_initialisers_in_every_place(tmp_path):
    as_onnx(tmp_path / "a.onnx", ARRAYS)
    model = onnx.load(tmp_path / "a.onnx")
    tensor = model.graph.initializer.add()
    tensor.CopyFrom(helper.make_tensor("typed", TensorProto.FLOAT, [2], [1.5, 2.5]))
    small = model.graph.initializer.add()
    small.CopyFrom(helper.make_tensor("bf", TensorProto.BFLOAT16, [2], [1.5, -2.0]))
    (tmp_path / "b.onnx").write_bytes(model.SerializeToString())
    found = tg.load(tmp_path / "b.onnx")
    assert found["typed"].tolist() == [1.5, 2.5]
    assert found["bf"].dtype == np.float32 and found["bf"].tolist() == [1.5, -2.0]
