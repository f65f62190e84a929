"""IDX files: what is written is read, and no damaged file is believed."""

import gzip
import struct

import numpy as np
import pytest

from tinygrad_cnn.data import read_idx, write_idx
from tinygrad_cnn.data.idx import TYPES
from tinygrad_cnn.io import FileFormatError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", TYPES.values())
def test_round_trip(tmp_path, dtype, suffix):
    for shape in ((5,), (2, 3, 4), (0, 28, 28), (1, 1, 1, 1)):
        array = RNG.integers(-100, 100, shape).astype(np.dtype(dtype).newbyteorder("="))
        write_idx(tmp_path / f"a{suffix}", array)
        back = read_idx(tmp_path / f"a{suffix}", dtype=array.dtype, rank=array.ndim)
        np.testing.assert_array_equal(back, array)
        assert back.dtype == array.dtype and back.shape == shape


def test_the_bytes_are_those_of_the_format(tmp_path):
    write_idx(tmp_path / "a", np.array([[1, 2, 3]], np.int16))
    assert (tmp_path / "a").read_bytes() == b"\0\0\x0b\x02" + struct.pack(">II", 1, 3) + struct.pack(">hhh", 1, 2, 3)


def test_compression_is_told_by_the_contents_not_the_name(tmp_path):
    write_idx(tmp_path / "a.gz", np.arange(5, dtype=np.uint8))
    (tmp_path / "a.gz").rename(tmp_path / "a")
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), range(5))


def idx(sizes=(2, 3), body=b"abcdef", kind=8, rank=None):
    return bytes([0, 0, kind, len(sizes) if rank is None else rank]) + struct.pack(f">{len(sizes)}I", *sizes) + body


PACKED = gzip.compress(idx(), mtime=0)
HOSTILE = {
    "empty": (b"", "magic number: .*an empty file"),
    "tiny": (b"\0\0", "magic number"),
    "text": (b"<html>not found</html>", "magic number: expected 0 0.*found 0x3c 0x68"),
    "type": (idx(kind=7), "magic number"),
    "rank 0": (idx(sizes=()), "rank: expected 2, found 0"),
    "rank 1": (idx(sizes=(6,)), "rank: expected 2, found 1"),
    "float": (idx(kind=13), "type of values: expected uint8, found float32"),
    "no sizes": (idx(sizes=(2,), rank=2, body=b""), "sizes: expected 8 bytes for 2 axes, found 4"),
    "short": (idx(body=b"abcde"), r"byte count: sizes \(2, 3\) of uint8 need 6 bytes, .* 5"),
    "long": (idx(body=b"abcdefg"), r"byte count: .* need 6 bytes, found more"),
    "huge": (idx(sizes=(2**32 - 1, 2**32 - 1)), "byte count: .* need 18446744065119617025 bytes"),
    "huge, packed": (gzip.compress(idx(sizes=(2**32 - 1, 2**32 - 1))), "byte count: .* need 18446744065119617025"),
    "short, packed": (gzip.compress(idx(body=b"abcde")), "byte count: .* need 6 bytes, found 5"),
    "long, packed": (gzip.compress(idx(body=b"a" * 10_000_000)), "byte count: .* need 6 bytes, found more"),
    "packed, cut": (PACKED[:-9], "gzip: the file ends too early"),
    "packed, no end": (PACKED[:-4], "gzip: the file ends too early"),
    "packed, checksum": (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "gzip: .*damaged.*CRC"),
    "packed, garbled": (PACKED[:10] + b"\xff" + PACKED[11:], "gzip: .*damaged"),
    "packed, head": (b"\x1f\x8b\x07" + PACKED[3:], "gzip: .*damaged"),
}


@pytest.mark.parametrize(("data", "words"), HOSTILE.values(), ids=HOSTILE)
def test_damaged_files_are_refused_with_name_field_expected_and_found(tmp_path, data, words):
    path = tmp_path / "train-labels"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=words) as caught:
        read_idx(path, dtype=np.uint8, rank=2)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_more_axes_than_numpy_has(tmp_path):
    (tmp_path / "a").write_bytes(idx(sizes=(1,) * 100, body=b"x"))
    with pytest.raises(FileFormatError, match="at most 64 axes, found 100"):
        read_idx(tmp_path / "a")


@pytest.mark.parametrize("packed", [False, True])
def test_every_cut_is_noticed(tmp_path, packed):
    whole = PACKED if packed else idx()
    for cut in range(len(whole)):
        (tmp_path / "a").write_bytes(whole[:cut])
        with pytest.raises(FileFormatError):
            read_idx(tmp_path / "a", dtype=np.uint8, rank=2)


def test_a_packed_file_is_not_unpacked_beyond_its_claim(tmp_path):
    import tracemalloc

    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx(body=bytes(200_000_000)), 1))
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="found more"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("array", [np.zeros(3, np.int64), np.zeros(3, bool), np.float32(3), np.array(["x"])])
def test_what_the_format_does_not_hold(tmp_path, array):
    with pytest.raises(TypeError, match="write_idx: holds uint8, int8, int16, int32, float32, float64"):
        write_idx(tmp_path / "a", array)
    assert not list(tmp_path.iterdir())
