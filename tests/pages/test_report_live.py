"""The page that shows a training while it runs: what it is told, that it changes nothing, how it ends."""

import json
import os
import re
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.cli import main
from tinygrad_cnn.pages import live as report_live
from tinygrad_cnn.pages.live import Live
from tinygrad_cnn.train.run_folder import Run

pytestmark = pytest.mark.level("default")


def command(*args):
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in args])
    return left.value.code


class Clock:
    """A stand-in for the module `time`: waiting takes no time, and is added up."""

    def __init__(self):
        self.now, self.slept = 1000.0, 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(report_live, "time", clock)
    return clock


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode("utf-8")


def row(epoch, **more):
    return {"epoch": epoch, "step": 10 * epoch, "lr": 0.1, "seconds": 2.0, "loss": 1 / epoch, "accuracy": 0.5, **more}


@pytest.fixture
def live(tmp_path):
    with Live(Run.create(tmp_path / "<run>", {"epochs": 4}), 4, about="a <small> net") as page:
        yield page


def state(live):
    return json.loads(fetch(live.url + "state.json"))


@pytest.mark.skipif(os.name == "nt", reason="making symbolic links needs a privilege there")
def test_a_report_that_is_a_link_is_not_served(live, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (live.run.path / "report.html").symlink_to(tmp_path / "secret")
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(live.url + "report.html")
    assert caught.value.code == 404
    words = caught.value.read().decode()
    assert "report.html is a symbolic link" in words and "secret" not in words.replace(str(tmp_path), "")


def test_a_report_before_its_time_is_missing(live):
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(live.url + "report.html")
    words = caught.value.read().decode()
    assert caught.value.code == 404 and "is not written yet" in words and str(live.run.path) not in words


def test_the_page_and_its_state_follow_the_training(live):
    page = fetch(live.url)
    assert live.url.startswith("http://127.0.0.1:") and "&lt;run&gt;" in page and "a &lt;small&gt; net" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    first = state(live)
    assert (first["done"], first["share"], first["words"]) == (False, 0.0, "training begins")
    live.on_step(row(1, share=0.25))
    within = state(live)
    assert within["share"] == 0.0625 and within["words"] == "epoch 1 of 4, 25% of it"
    assert "loss so far" in within["body"] and "1.0000" in within["body"]
    live.on_step(row(1, share=1.0, loss=0.75))
    assert "0.7500" in state(live)["body"]
    live.on_epoch(row(1, val_loss=0.8, val_accuracy=0.9))
    over = state(live)
    assert over["share"] == 0.25 and over["words"] == "epoch 1 of 4 is over"
    assert "90.00%" in over["body"] and "so far" not in over["body"]
    assert re.search(r"<dt>time left, about</dt><dd>6 s</dd>", over["body"])
    live.on_epoch(row(2))
    live.on_step(row(3, share=0.5))
    assert state(live)["share"] == 0.625
    assert "epoch 2.5" in state(live)["body"]


def test_numbers_that_are_not_finite_are_no_trouble(live):
    live.on_epoch(row(1, val_loss=float("nan")))
    live.on_step(row(2, share=0.5, seconds=float("inf"), loss=float("nan")))
    assert "<svg" in state(live)["body"]


def test_a_resumed_run_shows_what_went_before(tmp_path, live):
    live.on_epoch(row(1))
    run = tmp_path / "before"
    assert command("train", "--epochs", "2", "--out", run, "--quiet") == 0
    with Live(Run.open(run), 4) as again:
        assert again is not live and state(again)["words"] == "epoch 2 of 4 is over"


def test_the_same_bits_with_and_without(tmp_path, capsys, monkeypatch):
    """A page asks all the time; the weights, the metrics and the recording are those of a training alone."""
    monkeypatch.setattr(report_live, "PATIENCE", 60)  # the page is there, however slowly it asks
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    assert command("train", "--epochs", "3", "--out", plain, "--quiet") == 0
    capsys.readouterr()
    seen, looked, stop = [], threading.Event(), threading.Event()

    def look(url):
        while not stop.is_set():
            try:
                seen.append(json.loads(fetch(url + "state.json")))
            except (OSError, ValueError):
                continue
            looked.set()
            if seen[-1]["done"]:
                seen.append(fetch(url + "report.html"))
                return
            time.sleep(0.005)

    enter, on_epoch, threads = Live.__enter__, Live.on_epoch, []

    def entering(self):
        entered = enter(self)
        threads.append(threading.Thread(target=look, args=(self.url,)))
        threads[0].start()
        return entered

    def seen_after_each_epoch(self, row):
        on_epoch(self, row)
        for _ in range(2):  # the first answer may have been written before
            looked.clear()
            assert looked.wait(60)

    monkeypatch.setattr(Live, "__enter__", entering)
    monkeypatch.setattr(Live, "on_epoch", seen_after_each_epoch)
    try:
        assert command("train", "--epochs", "3", "--out", watched, "--quiet", "--live") == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    out, err = capsys.readouterr()
    assert out.startswith("accuracy 0.") and out.count("\n") == 1
    assert re.fullmatch(r"live: http://127\.0\.0\.1:\d+/[\w-]{24}/\n", err)
    assert (plain / "model.safetensors").read_bytes() == (watched / "model.safetensors").read_bytes()
    assert (plain / "watch.json").read_bytes() == (watched / "watch.json").read_bytes()
    assert {p.name for p in plain.iterdir()} == {p.name for p in watched.iterdir()}
    shares = [one["share"] for one in seen[:-1]]
    assert shares == sorted(shares) and {1 / 3, 2 / 3, 1.0} <= set(shares) and shares[-1] == 1.0
    assert seen[-1] == (watched / "report.html").read_text(encoding="utf-8")
    with pytest.raises(urllib.error.URLError):
        fetch(err.split()[1])


def test_nobody_looks_on_and_nobody_waits(tmp_path, clock):
    with Live(Run.create(tmp_path / "run"), 1) as live:
        live.finish()
        assert clock.slept == 0


def test_a_page_that_was_left_is_waited_for_a_little_only(tmp_path, clock):
    run = Run.create(tmp_path / "run")
    run.write("report.html", "<p>the report")
    with Live(run, 1) as live:
        assert not state(live)["done"]
        live.finish()
        assert report_live.PATIENCE - 0.1 < clock.slept < report_live.PATIENCE + 0.1
        last = state(live)
        assert last["done"] and last["words"].startswith("finished")
        assert fetch(live.url + "report.html") == "<p>the report"
        clock.slept = 0.0
        live.finish()
        assert clock.slept < 1


def test_a_live_page_does_not_lead_to_a_report_that_was_not_made(tmp_path, clock):
    with Live(Run.create(tmp_path / "run"), 1) as live:
        live.finish()
        assert not state(live)["done"]
        with pytest.raises(urllib.error.HTTPError) as error:
            fetch(live.url + "report.html")
        assert error.value.code in (404, 500)
        error.value.close()


def test_fit_calls_it(tmp_path):
    rng = np.random.default_rng(0)
    data = tg.data.ArrayDataset(rng.random((20, 6, 6, 1)).astype(np.float32), np.arange(20) % 2)
    model = tg.nn.Sequential(tg.nn.Conv2d(1, 2, 3, rng=0), tg.nn.GlobalAvgPool2d(), tg.nn.Linear(2, 2, rng=0))
    run = Run.create(tmp_path / "run")
    words = []
    with Live(run, 2) as live:

        class Words(tg.train.Callback):
            def on_step(self, training):
                words.append(state(live)["words"])

        tg.fit(model, data, epochs=2, batch_size=10, run=run, progress=False, callbacks=[live, Words()])
        assert words == ["epoch 1 of 2, 50% of it", "epoch 1 of 2, 100% of it", "epoch 2 of 2, 50% of it",
                         "epoch 2 of 2, 100% of it"]  # fmt: skip
        assert state(live)["words"] == "epoch 2 of 2 is over"


def test_a_terminal_with_a_screen_opens_the_page_and_a_short_training_waits_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(report_live, "PATIENCE", 60)  # the browser comes, however late
    opened, browsers = [], []

    def visit(url):
        def look():
            while not json.loads(fetch(url + "state.json"))["done"]:
                time.sleep(0.02)
            opened.append(fetch(url + "report.html"))

        browsers.append(threading.Timer(0.5, look))
        browsers[0].start()
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", visit)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert command("train", "--epochs", "1", "--out", tmp_path / "blind", "--quiet", "--live") == 0 and not opened
    monkeypatch.setenv("DISPLAY", ":0")
    assert command("train", "--epochs", "1", "--out", tmp_path / "run", "--quiet", "--live") == 0
    browsers[0].join()
    assert opened[0].startswith("http://127.0.0.1:")
    assert opened[1] == (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_what_the_live_page_says_of_itself_is_true(live):
    assert "asks no network" not in fetch(live.url) and "asks the training on this machine" in fetch(live.url)
