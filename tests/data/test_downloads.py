"""Downloads against a server on this machine: cut, resumed, wrong, absent.  No network is touched."""

import functools
import hashlib
import http.server
import os
import re
import threading

import pytest

from tinygrad_cnn.data import DownloadError, cache_dir, download, downloads

CONTENT = bytes(range(256)) * 2000
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
MD5 = "md5:" + hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; the path says with which fault."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        fault = self.path.strip("/").split("/")[0]
        if fault == "missing":
            self.send_error(404)
            return
        if fault == "busy" and len(self.server.asked) < 3:
            self.send_error(503)
            return
        content = CONTENT[::-1] if fault == "wrong" else CONTENT + b"more" if fault == "long" else CONTENT
        begin = self._begin(fault)
        if begin >= len(content):
            self.send_error(416)
            return
        if begin:
            self.send_response(206)
            shift = 7 if fault == "shifted" else 0
            self.send_header("Content-Range", f"bytes {begin + shift}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if fault != "unannounced":
            self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        end = min(len(content), begin + 200_000) if fault == "cut" else len(content)
        self.wfile.write(content[begin:end])

    def _begin(self, fault):
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        return int(match.group(1)) if match and fault != "whole" else 0

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.asked = []
        httpd.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=functools.partial(httpd.serve_forever, poll_interval=0.01))
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def quiet(done, total):
    pass


def get(server, faults, path, **options):
    urls = [f"{server.url}/{fault}/file.gz" for fault in faults]
    return download(urls, path, **{"checksum": SHA256, "progress": quiet, "timeout": 60, **options})


@pytest.mark.parametrize("checksum", [SHA256, MD5])
@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_file_arrives_whole_in_a_new_folder(server, tmp_path, checksum, size):
    path = get(server, ["good"], tmp_path / "new" / "deep" / "file.gz", checksum=checksum, size=size)
    assert path.read_bytes() == CONTENT
    assert os.listdir(path.parent) == ["file.gz"]


def test_a_good_file_is_not_fetched_again_and_a_bad_one_is(server, tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(CONTENT)
    get(server, ["good"], path)
    assert server.asked == []
    path.write_bytes(b"rotten")
    get(server, ["good"], path)
    assert path.read_bytes() == CONTENT


@pytest.mark.skipif(os.name == "nt", reason="making symbolic links needs a privilege there")
@pytest.mark.parametrize("held", [b"", b"old", CONTENT[:1000], CONTENT, None])
@pytest.mark.parametrize("name", ["file.gz.part", "file.gz"])
def test_a_link_in_the_cache_is_replaced_not_followed(server, tmp_path, name, held):
    victim = tmp_path / "victim"
    if held is not None:
        victim.write_bytes(held)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / name).symlink_to(victim)
    path = get(server, ["cut"], tmp_path / "cache" / "file.gz")
    assert path.read_bytes() == CONTENT and os.listdir(path.parent) == ["file.gz"]
    assert not victim.exists() if held is None else victim.read_bytes() == held


def test_a_cut_connection_is_resumed_where_it_was_cut(server, tmp_path):
    assert get(server, ["cut"], tmp_path / "file.gz").read_bytes() == CONTENT
    assert server.asked == [("/cut/file.gz", r) for r in (None, "bytes=200000-", "bytes=400000-")]


def test_a_later_run_resumes_and_another_mirror_can(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "TRIES", 1)
    path = tmp_path / "file.gz"
    with pytest.raises(DownloadError, match="cut after 200000 of 512000 bytes"):
        get(server, ["cut"], path)
    assert os.listdir(tmp_path) == ["file.gz.part"]
    assert get(server, ["missing", "good"], path).read_bytes() == CONTENT
    assert server.asked[-1] == ("/good/file.gz", "bytes=200000-")
    assert os.listdir(tmp_path) == ["file.gz"]


@pytest.mark.parametrize("fault", ["good", "whole", "shifted", "unannounced"])
@pytest.mark.parametrize("begin", [CONTENT[:1000], CONTENT, b"foreign" * 100, CONTENT + b"beyond"])
@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_whatever_an_old_part_holds_the_file_is_right(server, tmp_path, fault, begin, size):
    (tmp_path / "file.gz.part").write_bytes(begin)
    faults = [fault, "good"] if fault == "shifted" else [fault]
    assert get(server, faults, tmp_path / "file.gz", size=size).read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["file.gz"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong", r"wrong checksum, expected sha256:[0-9a-f]+, found sha256:[0-9a-f]+ \(512000 bytes\)"),
        ("long", "expected 512000 bytes, the server announces 512004"),
        ("missing", r"Not Found \(404\)"),
    ],
)
def test_a_wrong_file_is_never_put_in_place(server, tmp_path, fault, words):
    path = tmp_path / "file.gz"
    with pytest.raises(DownloadError, match=f"file.gz could not be downloaded: {server.url}/{fault}/file.gz: {words}"):
        get(server, [fault], path, size=len(CONTENT))
    assert os.listdir(tmp_path) == []
    assert get(server, [fault, "good"], path, size=len(CONTENT)).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server, tmp_path):
    assert get(server, ["busy"], tmp_path / "file.gz").read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_no_network_is_one_line_with_every_address(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    urls = ["http://127.0.0.1:9/file.gz", "http://name.invalid/file.gz", "nonsense"]
    with pytest.raises(DownloadError) as caught:
        download(urls, tmp_path / "file.gz", checksum=SHA256, progress=quiet, timeout=60)
    message = str(caught.value)
    assert all(url in message for url in urls) and "\n" not in message
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"file.gz cannot be written .*TINYGRAD_CNN_CACHE"):
        get(server, ["good"], tmp_path / "file" / "file.gz")


def test_a_full_disk_is_no_fault_of_the_network(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads, "_store", full)
    with pytest.raises(DownloadError, match="cannot be written .*No space left"):
        get(server, ["good"], tmp_path / "file.gz")
    assert len(server.asked) == 1


def test_progress_is_reported_from_the_first_byte_to_the_last(server, tmp_path):
    seen = []
    (tmp_path / "file.gz.part").write_bytes(CONTENT[:100_000])
    get(server, ["good"], tmp_path / "file.gz", progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (100_000, len(CONTENT)) and seen[-1] == (len(CONTENT), len(CONTENT))
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)


def test_without_a_terminal_one_line_is_printed(server, tmp_path, capfd):
    get(server, ["good"], tmp_path / "file.gz", progress=None, size=len(CONTENT))
    out, err = capfd.readouterr()
    assert out == "" and err == "downloading file.gz (0.5 MB)\n"


def test_a_bar_on_a_terminal(server, tmp_path, monkeypatch):
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    get(server, ["good"], tmp_path / "file.gz", progress=None, size=len(CONTENT))
    assert "file.gz: 100%" in sys.stderr.getvalue()


def test_two_at_once_both_get_a_good_file(server, tmp_path):
    path, results = tmp_path / "file.gz", []
    threads = [threading.Thread(target=lambda: results.append(get(server, ["cut"], path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and path.read_bytes() == CONTENT


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_CNN_CACHE", str(tmp_path / "here"))
    assert cache_dir() == tmp_path / "here" and not cache_dir().exists()
    monkeypatch.delenv("TINYGRAD_CNN_CACHE")
    assert "tinygrad-cnn" in str(cache_dir())
    monkeypatch.setitem(__import__("sys").modules, "platformdirs", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad-cnn\[app\]', or set TINYGRAD_CNN_CACHE"):
        cache_dir()
