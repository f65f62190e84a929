"""Event files for TensorBoard: read back record by record, checksums included."""

import struct
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.cli import main
from tinygrad_cnn.train.tensorboard import TensorBoard, tag

pytestmark = pytest.mark.level("default")


def command(*args):
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in args])
    return left.value.code


def crc32c(data):
    """Castagnoli's cyclic sum, bit by bit, masked as the record format asks."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events(folder):
    """All events of all files of a folder, in order, from the format's own definition: length, sum, record, sum."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for file in sorted(folder.iterdir()):
        data, at = file.read_bytes(), 0
        while at < len(data):
            head = data[at : at + 8]
            (size,), (check,) = struct.unpack("<Q", head), struct.unpack("<I", data[at + 8 : at + 12])
            record = data[at + 12 : at + 12 + size]
            assert check == crc32c(head)
            if len(record) < 500:  # bit by bit is slow
                assert struct.unpack("<I", data[at + 12 + size : at + 16 + size])[0] == crc32c(record)
            found.append(Event.FromString(record))
            at += 16 + size
    return found


def scalars(folder):
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def histograms(folder):
    return {(value.tag, event.step): value.histo for event in events(folder) for value in event.summary.value
            if value.HasField("histo")}  # fmt: skip


def test_a_training_writes_what_its_metrics_say(tmp_path, capsys):
    run = tmp_path / "run"
    assert command("train", "--epochs", "2", "--tensorboard", "--out", run, "--quiet") == 0
    assert capsys.readouterr().out.startswith("accuracy")
    names, *rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    found = scalars(run / "tensorboard")
    both = {f"{name}/{part}" for name in ("loss", "accuracy") for part in ("training", "validation")}
    assert found.keys() == both | {"lr", "seconds"}
    for name in names[2:]:
        expected = [(int(row[0]), float(row[names.index(name)])) for row in rows]
        assert found[tag(name)] == [(k, pytest.approx(v, rel=1e-6)) for k, v in expected], name
    kept = histograms(run / "tensorboard")
    weights = tg.load(run / "model.safetensors")
    assert {name for name, _ in kept} == {f"{kind}/{path}" for kind in ("weights", "gradients") for path in weights}
    for path, values in weights.items():
        last = kept[f"weights/{path}", 2]
        assert last.num == values.size and last.min == pytest.approx(values.min()) and sum(last.bucket) == values.size
        assert last.sum == pytest.approx(float(values.sum()), abs=1e-3 * float(np.abs(values).sum()))


@pytest.mark.level("thorough")
def test_the_same_bits_and_a_run_resumed_keeps_what_is_there(tmp_path):
    for name, more in (("plain", []), ("board", ["--tensorboard"])):
        assert command("train", "--epochs", "2", "--out", tmp_path / name, "--quiet", *more) == 0
    assert (tmp_path / "plain/model.safetensors").read_bytes() == (tmp_path / "board/model.safetensors").read_bytes()
    assert command("train", "--resume", tmp_path / "board", "--tensorboard", "--quiet") == 0
    assert [step for step, _ in scalars(tmp_path / "board/tensorboard")["lr"]] == [1, 2]


def test_values_that_are_not_finite_are_left_out(tmp_path):
    model = tg.nn.Linear(2, 2, rng=0)
    model.weight.assign(np.array([[1, np.nan], [np.inf, 2]], np.float32))
    model.bias.assign(np.full(2, np.nan, np.float32))
    with TensorBoard(tmp_path / "board", model) as board:
        board.write({"epoch": 1, "step": 10, "loss": float("nan"), "val_f1": 0.5})
    kept = histograms(tmp_path / "board")
    assert kept.keys() == {("weights/weight", 1)} and kept["weights/weight", 1].num == 2
    assert scalars(tmp_path / "board")["f1/validation"] == [(1, 0.5)]


def test_without_the_library_nothing_is_begun(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert command("train", "--tensorboard", "--out", tmp_path / "run") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and not (tmp_path / "run").exists()
    assert "--tensorboard: event files for TensorBoard need tensorboardX: pip install" in err and "[tensorboard]" in err
