"""A path holds the old contents or the new, never half of either."""

import os
import stat
import subprocess
import sys

import pytest

from tinygrad_cnn.io import atomic_write, publish
from tinygrad_cnn.io.atomic import atomic_path, open_part

links = pytest.mark.skipif(os.name == "nt", reason="making symbolic links needs a privilege there")


def write_open(path):
    with atomic_write(path) as file:
        file.write(b"new")


def write_path(path):
    with atomic_path(path) as draft:
        draft.write_bytes(b"new")


WRITERS = [write_open, write_path]


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


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("write", WRITERS)
def test_permissions_are_kept(tmp_path, write):
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o604)
    mask = os.umask(0o027)
    try:
        write(tmp_path / "old")
        write(tmp_path / "new")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o604
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


@links
@pytest.mark.parametrize("write", WRITERS)
def test_a_link_is_replaced_and_its_target_is_left_alone(tmp_path, write):
    (tmp_path / "run").mkdir()
    victim, link = tmp_path / "victim", tmp_path / "run" / "link"
    victim.write_bytes(b"old")
    victim.chmod(0o777)
    link.symlink_to(victim)
    write(link)
    assert victim.read_bytes() == b"old" and stat.S_IMODE(victim.stat().st_mode) == 0o777
    assert not link.is_symlink() and link.read_bytes() == b"new"
    if os.name != "nt":
        (tmp_path / "plain").touch()
        assert link.stat().st_mode == (tmp_path / "plain").stat().st_mode  # not that of the link's target
    assert os.listdir(link.parent) == ["link"]


@links
@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("target", ["no file", "no folder/no file", "link"])
def test_a_link_that_leads_nowhere_is_replaced(tmp_path, write, target):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)  # the last one leads to itself
    write(link)
    assert not link.is_symlink() and link.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["link"]


@links
@pytest.mark.parametrize("write", WRITERS)
def test_a_link_to_a_folder_is_refused_as_a_folder_is(tmp_path, write):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder", target_is_directory=True)
    with pytest.raises(IsADirectoryError, match="link: is a folder"):
        write(tmp_path / "link")
    assert sorted(os.listdir(tmp_path)) == ["folder", "link"] and os.listdir(tmp_path / "folder") == []


@links
@pytest.mark.parametrize("write", WRITERS)
def test_the_folder_of_a_file_may_be_a_link(tmp_path, write):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder", target_is_directory=True)
    write(tmp_path / "link" / "a")
    assert (tmp_path / "folder" / "a").read_bytes() == b"new" and os.listdir(tmp_path / "folder") == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="devices and pipes are not files there")
@pytest.mark.parametrize("write", WRITERS)
def test_a_pipe_or_device_is_not_replaced(tmp_path, write):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(os.devnull)
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match=f"{name}: is a pipe or a device, not a file"):
            write(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"] and (tmp_path / "link").is_symlink()


@links
def test_a_finished_or_partial_file_that_is_a_link_is_refused(tmp_path, monkeypatch):
    victim, part = tmp_path / "victim", tmp_path / "a.part"
    victim.write_bytes(b"old")
    part.symlink_to(victim)
    for _ in range(2):
        with pytest.raises(OSError, match=r"symbolic link"):
            publish(part, tmp_path / "a")
        for have in (0, 2):
            with pytest.raises(OSError, match=r"symbolic link"):
                open_part(part, have)
        if not hasattr(os, "O_NOFOLLOW"):
            break
        monkeypatch.setattr(os.path, "islink", lambda _: False)  # as if the link was made after the check
    assert victim.read_bytes() == b"old" and sorted(os.listdir(tmp_path)) == ["a.part", "victim"]


@links
def test_publish_replaces_a_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"old")
    (tmp_path / "a").symlink_to(victim)
    (tmp_path / "a.part").write_bytes(b"new")
    publish(tmp_path / "a.part", tmp_path / "a")
    assert victim.read_bytes() == b"old" and not (tmp_path / "a").is_symlink()


def test_a_partial_file_goes_on_where_it_ended(tmp_path):
    for have, data in ((0, b"abc"), (3, b"def"), (2, b"x"), (0, b"")):
        with open_part(tmp_path / "a.part", have) as file:
            file.write(data)
        assert (tmp_path / "a.part").read_bytes() == {0: data, 3: b"abcdef", 2: b"abxdef"}[have]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_draft_has_the_name_of_its_file_and_vanishes_on_failure(tmp_path, error):
    (tmp_path / "a.svg").write_bytes(b"old")
    with pytest.raises(error), atomic_path(tmp_path / "a.svg") as draft:
        assert draft.name == "a.svg" and draft.parent.parent == tmp_path
        draft.write_bytes(b"half of the n")
        raise error
    assert (tmp_path / "a.svg").read_bytes() == b"old" and os.listdir(tmp_path) == ["a.svg"]


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
