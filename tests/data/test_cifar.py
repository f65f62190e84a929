"""CIFAR-10's binary version, from a folder or out of its archive."""

import io
import tarfile

import numpy as np
import pytest

from tinygrad_cnn.data import DownloadError, cifar, cifar10
from tinygrad_cnn.io import FileFormatError

RNG = np.random.default_rng(0)
RECORDS = {name: RNG.integers(0, 256, (3, 3073), np.uint8) for name in cifar.TRAIN + cifar.TEST}
for _table in RECORDS.values():
    _table[:, 0] %= 10


def fill(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in RECORDS.items():
        (folder / name).write_bytes(table.tobytes())
    return folder


def archive(path, names=RECORDS, evil=False):
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(("../../../" if evil else "cifar-10-batches-bin/") + name)
            member.size = RECORDS[name].nbytes
            tar.addfile(member, io.BytesIO(RECORDS[name].tobytes()))
    return path


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setenv("TINYGRAD_CNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cifar, "download", lambda *a, **k: pytest.fail("the network was asked"))


def check(parts):
    train, test = parts
    assert (len(train), len(test)) == (15, 3) and train.image_shape == (32, 32, 3)
    assert train.classes[3] == "cat" and "Krizhevsky" in train.attribution
    table = np.concatenate([RECORDS[name] for name in cifar.TRAIN])
    np.testing.assert_array_equal(train.labels, table[:, 0])
    for channel, begin in enumerate((1, 1025, 2049)):  # red, green, blue planes, row by row
        np.testing.assert_array_equal(train.pixels[..., channel].reshape(15, -1), table[:, begin : begin + 1024])


def test_folders_and_archives(tmp_path):
    check(cifar10(fill(tmp_path / "a")))
    fill(tmp_path / "b" / "cifar-10-batches-bin")
    check(cifar10(tmp_path / "b"))
    (tmp_path / "c").mkdir()
    archive(tmp_path / "c" / cifar.ARCHIVE)
    check(cifar10(tmp_path / "c"))
    fill(tmp_path / "cache" / "cifar10")
    check(cifar10())


def test_an_archive_can_write_nowhere(tmp_path):
    folder = tmp_path / "x" / "y" / "z"
    folder.mkdir(parents=True)
    archive(folder / cifar.ARCHIVE, evil=True)
    check(cifar10(folder))
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [cifar.ARCHIVE]


def test_a_download_is_read_out_of_the_cache(tmp_path, monkeypatch):
    def fetched(urls, path, *, checksum, size):
        assert checksum.startswith("sha256:") and size == 170052171
        path.parent.mkdir(parents=True)
        return archive(path)

    monkeypatch.setattr(cifar, "download", fetched)
    check(cifar10())
    check(cifar10(download=False))


def test_what_is_missing_is_told(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"CIFAR-10: looked for cifar-10-.*download=False.*by hand"):
        cifar10(download=False)
    with pytest.raises(FileNotFoundError, match="nothing. Put them there"):
        cifar10(tmp_path / "nothing")

    def fails(*_, **__):
        raise DownloadError("no route to host.")

    monkeypatch.setattr(cifar, "download", fails)
    with pytest.raises(DownloadError, match="CIFAR-10: looked for .*no route to host. To do it by hand"):
        cifar10()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "byte count: expected a multiple of 3073 .*found 0"),
        (bytes(3072), "byte count: .* found 3072"),
        (bytes(3073) + b"\x0a" + bytes(3072), "label 1: expected 0 to 9, found 10"),
    ],
)
def test_damaged_files_are_named(tmp_path, data, words):
    folder = fill(tmp_path / "a")
    (folder / "data_batch_4.bin").write_bytes(data)
    with pytest.raises(FileFormatError, match=f"data_batch_4.bin: {words}"):
        cifar10(folder)


def test_damaged_archives_are_named(tmp_path):
    path = archive(tmp_path / cifar.ARCHIVE, names=cifar.TRAIN)
    with pytest.raises(FileFormatError, match="missing test_batch.bin"):
        cifar10(tmp_path)
    whole = archive(path).read_bytes()
    for data in (whole[: len(whole) // 2], b"text", b"", whole[:2000] + b"garbage" * 100 + whole[2700:]):
        path.write_bytes(data)
        with pytest.raises(FileFormatError, match="archive is damaged"):
            cifar10(tmp_path)
