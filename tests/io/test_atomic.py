"""A path holds the old contents or the new, never half of either."""

import os
import stat
import subprocess
import sys

import pytest

from tinygrad_cnn.io import atomic_write, publish


def test_new_contents_appear_whole(tmp_path):
    path = tmp_path / "a.bin"
    with atomic_write(path) as file:
        file.write(b"12")
        assert not path.exists()
        file.write(b"34")
    assert path.read_bytes() == b"1234"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_contents_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"half of the n")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_failing_replace_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), atomic_write(tmp_path / "a.bin") as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == []


def test_killed_in_the_middle_keeps_the_old_contents(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    program = (
        "import os, sys\nfrom tinygrad_cnn.io import atomic_write\n"
        "with atomic_write(sys.argv[1]) as f:\n    f.write(b'new'); f.flush(); os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], env={**os.environ}, check=False)
    assert done.returncode == 9
    assert path.read_bytes() == b"old"


def test_text_is_utf8_and_line_ends_are_the_callers(tmp_path):
    path = tmp_path / "ü.csv"
    with atomic_write(path, "w", newline="\r\n") as file:
        file.write("é\n")
    assert path.read_bytes() == "é\r\n".encode()


def test_data_reaches_the_disk_before_the_name_does(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append(stat.S_ISDIR(os.fstat(fd).st_mode)), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("replace"), replace(a, b))[1])
    with atomic_write(tmp_path / "a") as file:
        file.write(b"x")
    assert order == [False, "replace", True]  # the file, its name, the folder


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
def test_permissions_and_links_are_kept(tmp_path):
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    mask = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "b"):
            pass
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o640


def test_a_long_name_fits(tmp_path):
    with atomic_write(tmp_path / ("n" * 250)) as file:
        file.write(b"x")
    assert len(os.listdir(tmp_path)) == 1


def test_impossible_targets_are_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path, error, words in [
        (tmp_path, IsADirectoryError, "is a folder"),
        (tmp_path / "no" / "a", FileNotFoundError, "folder does not exist"),
        (tmp_path / "file" / "a", NotADirectoryError, "is a file, not a folder"),
    ]:
        with pytest.raises(error, match=words), atomic_write(path):
            pass
    with pytest.raises(ValueError, match="'wb' or 'w', got 'a'"), atomic_write(tmp_path / "a", "a"):
        pass


def test_publish_moves_a_finished_file(tmp_path):
    (tmp_path / "a.part").write_bytes(b"done")
    publish(tmp_path / "a.part", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"done"
    assert os.listdir(tmp_path) == ["a"]
