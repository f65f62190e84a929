"""The report of a training and the comparison of several: what is on the page, what is left out, what is refused."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.cli import main
from tinygrad_cnn.data import ArrayDataset
from tinygrad_cnn.pages import rendering as report_page
from tinygrad_cnn.pages.report import sections as parts
from tinygrad_cnn.pages.report.facts import gather
from tinygrad_cnn.pages.report.writing import compare, html
from tinygrad_cnn.train.run_folder import Run, RunError

pytestmark = pytest.mark.level("default")

ROOT = Path(__file__).parents[2]
SECTIONS = {"training", "classes", "mistakes", "network", "weights", "time", "settings"}


class Page(HTMLParser):
    """Ids, addresses that a browser would fetch, and the text outside of scripts and styles."""

    VOID = {"meta", "link", "img", "br", "input", "hr"}

    def __init__(self, text):
        super().__init__()
        self.ids, self.addresses, self.words, self.srcdoc, self.open = [], [], [], "", []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        self.srcdoc = given.get("srcdoc", self.srcdoc)
        self.addresses += [given[k] for k in ("src", "href", "xlink:href", "action", "data") if k in given]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def read(path):
    return Page(Path(path).read_text(encoding="utf-8"))


def command(*args):
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in args])
    return left.value.code


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two epochs, made by the command."""
    run = tmp_path_factory.mktemp("trained") / "run"
    assert command("train", "--epochs", "2", "--seed", "7", "--out", run, "--quiet") == 0
    return run


def net(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, rng=rng), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3, rng=rng), nn.GlobalAvgPool2d(),
        nn.Linear(4, 3, rng=rng),
    )  # fmt: skip


def colours(n=30, seed=0, classes=("red", "green", "blue")):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    x = rng.random((n, 6, 6, 3)).astype(np.float32)
    x[np.arange(n), :, :, labels] += 1
    return ArrayDataset(x, labels, classes=classes)


def own_run(path, config=None, epochs=3, seed=0, lr=0.01, **more):
    run, model = Run.create(path, config or {"lr": 0.01}), net(seed)
    watch = tg.plots.Watch(model)
    history = tg.fit(model, colours(), validation=colours(9, 1), epochs=epochs, lr=lr, batch_size=10, run=run,
                     progress=False, callbacks=[watch, *more.pop("callbacks", ())], **more)  # fmt: skip
    return run, model, watch, history


# -- the page of a run ----------------------------------------------------------------------------------------


def test_training_ends_with_a_whole_page_that_asks_no_network(trained):
    file = trained / "report.html"
    page = read(file)
    assert set(page.ids) >= SECTIONS and len(page.ids) == len(set(page.ids))
    assert "left-out" not in page.ids and "Left out" not in page.text
    assert all(a.startswith(("data:", "#")) for a in page.addresses), page.addresses
    assert not re.search(r"url\(\s*['\"]?(?!data:|#)", file.read_text(encoding="utf-8").split("<iframe")[0])
    assert file.stat().st_size < 4e6
    assert "<script" not in file.read_text(encoding="utf-8").split("<iframe")[0]  # what is read needs no script
    assert "one step on 32 images" in page.srcdoc and "http-equiv" in page.srcdoc.lower()


def test_the_page_says_what_was_asked_for_and_what_computed_it(trained):
    text = read(trained / "report.html").text
    for words in ("lenet on digits", "finished 2 epochs", "seed 7", "batch size 64", f"numpy {np.__version__}",
                  f"tinygrad_cnn {tg.__version__}", "native: ", "threads", "--seed 7", "35,914"):  # fmt: skip
        assert words in text, words
    info = json.loads((trained / "info.json").read_text())["sessions"]
    assert len(info) == 1 and info[0]["numpy"] == np.__version__ and info[0]["threads"] >= 1


def test_the_numbers_are_those_of_the_network(trained):
    facts = gather(trained)
    _, test = tg.data.digits()
    guesses = tg.predict(Run.open(trained).model(), test.images).argmax(axis=-1)
    wrong = int((guesses != test.labels).sum())
    found = parts.confusion(facts)
    assert found["total"] == len(test) and found["total"] - found["right"] == wrong
    for i in range(10):
        for j in range(10):
            assert found["rows"][i][j]["count"] == int(((test.labels == i) & (guesses == j)).sum())
        assert found["classes"][i]["recall"] == pytest.approx(np.mean(guesses[test.labels == i] == i))
        assert found["classes"][i]["precision"] == pytest.approx(np.mean(test.labels[guesses == i] == i))
    assert f"{wrong:,} of 359" in read(trained / "report.html").text
    shown = parts.mistakes(facts)
    assert len(shown) == min(wrong, parts.MOST_MISTAKES)
    for one in shown:
        assert str(guesses[one["number"]]) == one["guess"] != one["truth"] == str(test.labels[one["number"]])
    assert dict(parts.headline(facts))["validation accuracy"] == f"{np.mean(guesses == test.labels):.2%}"


def test_the_command_writes_it_again(trained, tmp_path, capsys):
    before = {p: p.read_bytes() for p in trained.rglob("*") if p.is_file()}
    assert command("report", trained, "--out", tmp_path / "again.html") == 0
    out, err = capsys.readouterr()
    assert out == f"written: {tmp_path / 'again.html'}\n" and err == ""
    assert set(read(tmp_path / "again.html").ids) == set(read(trained / "report.html").ids)
    assert {p: p.read_bytes() for p in trained.rglob("*") if p.is_file()} == before


def test_a_training_of_ones_own_is_reported_and_its_model_left_as_it_was(tmp_path):
    run, model, watch, _ = own_run(tmp_path / "mine", {"lr": 0.01, "note": "for a friend"})
    values = {k: v.copy() for k, v in model.state_dict().items()}
    grads = [None if p.grad is None else p.grad.copy() for p in model.parameters()]
    states = [json.dumps(rng.bit_generator.state, default=str) for rng in model.generators()]
    made = tg.report(run, model=model, test=colours(9, 1), watch=watch)
    assert made.path == run.path / "report.html" == Path(os.fspath(made)) and not made.missing, made
    page = read(made)
    assert set(page.ids) >= SECTIONS
    for words in ("for a friend", "red", "green", "blue", "0.weight", "4 filters of 3 x 3"):
        assert words in page.text, words
    assert all(np.array_equal(v, model.state_dict()[k]) for k, v in values.items())
    for before, p in zip(grads, model.parameters(), strict=True):
        assert before is p.grad is None or np.array_equal(before, p.grad)
    assert states == [json.dumps(rng.bit_generator.state, default=str) for rng in model.generators()]
    assert all(m.training for m in model.modules())
    paths = {node["path"] for node in tg.draw(model, colours(2).images).scene.to_json()["modules"]}
    assert paths and not any("network" in path for path in paths)


def test_what_cannot_be_made_is_left_out_and_said(tmp_path):
    run, model, _, _ = own_run(tmp_path / "mine")
    made = tg.report(run)
    page = read(made)
    assert "training" in page.ids and "left-out" in page.ids and not {"classes", "network"} & set(page.ids)
    assert "everything about the network" in page.text and "tg.report(run, test=data)" in page.text
    assert str(made).startswith(str(made.path)) and "left out: " in str(made) and "\n" not in str(made)
    half = tg.report(run, model=model, test=(colours(9).images, colours(9).labels))
    assert set(read(half).ids) >= SECTIONS  # without a recording the filters are still there
    assert any("watch" in why for why in half.missing)


def test_labels_that_are_no_classes_leave_out_what_is_about_classes(tmp_path):
    run, model, watch, _ = own_run(tmp_path / "mine")
    made = tg.report(run, model=model, test=(colours(9).images, np.zeros(9)), watch=watch)
    assert any("not class indices" in why for why in made.missing) and "classes" not in read(made).ids
    made = tg.report(run, model=model, test=(colours(9).images, np.full(9, 5)), watch=watch)
    assert any("not one logit for each class" in why for why in made.missing)
    made = tg.report(run, model=model, test=(colours(9).images[:0], np.zeros(0, int)), watch=watch)
    assert any("no images are held out" in why for why in made.missing)


def test_weights_that_are_not_finite_make_a_page_without_a_warning(tmp_path):
    run, model, watch, _ = own_run(tmp_path / "mine")
    for p in model.parameters():
        p.assign(np.full(p.shape, np.nan, np.float32))
    watch.record(4)
    page = read(tg.report(run, model=model, test=colours(9), watch=watch))
    assert {"training", "classes"} <= set(page.ids) and "NaN or infinite" in page.text


def test_text_from_outside_is_only_text(tmp_path):
    bad = "<script>alert(1)</script>\"'&"
    run, model, watch, _ = own_run(tmp_path / "<b>run&", {"note": bad, bad: 1})
    text = Path(tg.report(run, model=model, test=colours(9, classes=(bad, "b", "c")), watch=watch)).read_text("utf-8")
    outside = text.split("<iframe")[0] + text.split("</iframe>")[-1]
    assert "<script" not in outside and "<b>run" not in outside
    page = Page(text)
    assert bad in page.text and "<b>run&" in page.text
    assert "<script>alert" not in page.srcdoc


def test_a_graph_that_is_too_large_to_send_is_plainer_or_left_out(tmp_path, trained, monkeypatch):
    from tinygrad_cnn.pages.report import network as report_network

    whole = len(read(tg.report(trained, out=tmp_path / "page.html")).srcdoc)
    monkeypatch.setattr(report_network, "LARGEST", whole - 20_000)  # times in it are never the same
    made = tg.report(trained, out=tmp_path / "page.html")
    page = read(made)
    assert not made.missing and len(page.srcdoc) < whole and "on 32 images" not in page.srcdoc
    monkeypatch.setattr(report_network, "LARGEST", 1000)
    made = tg.report(trained, out=tmp_path / "page.html")
    assert list(made.missing.values()) == [["the graph as a page to use"]] and not read(made).srcdoc
    assert 'class="drawing"' in made.path.read_text(encoding="utf-8")


def test_many_classes_and_few(tmp_path):
    run, _, _, _ = own_run(tmp_path / "mine")
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, rng=rng), nn.GlobalAvgPool2d(), nn.Linear(8, 60, rng=rng))
    made = tg.report(run, model=model, test=(colours(30).images, np.arange(30)))
    page = read(made)
    assert "classes" in page.ids and 'class="matrix"' not in made.path.read_text(encoding="utf-8")  # none could be read
    assert "59" in page.text


def test_the_epoch_whose_weights_are_kept_is_the_one_that_is_told(tmp_path):
    run, _, _, history = own_run(tmp_path / "mine", epochs=60, callbacks=[tg.train.EarlyStop(1)], lr=1.0)
    assert history.stopped == "early stop" and history.best_epoch < len(history)
    facts = gather(run, network=False)
    assert facts.history.best_epoch == history.best_epoch
    assert facts.last("val_loss") == min(history["val_loss"])
    assert f"with the weights of epoch {history.best_epoch}" in read(tg.report(run)).text


def test_a_run_that_has_not_finished_an_epoch_has_a_page(tmp_path):
    page = read(tg.report(Run.create(tmp_path / "new", {"epochs": 3})))
    assert "0 epochs" in page.text and "settings" in page.ids and "training" not in page.ids


def test_damaged_parts_are_left_out_and_damaged_runs_named(trained, tmp_path, capsys):
    run = tmp_path / "copy"
    shutil.copytree(trained, run)
    (run / "watch.json").write_text('{"format": "tinygrad-cnn watch 1", "bins": 3}')
    (run / "info.json").write_text("[")
    made = tg.report(run)
    assert list(made.missing.values()) == [["weights and gradients over the epochs"]]
    (run / "model.safetensors").write_bytes(b"half")
    assert "everything about the network" in str(tg.report(run).missing)
    for file in (run / "checkpoints").iterdir():
        file.write_bytes(b"half a file")
    assert command("report", run) == 1
    assert f"tinygrad-cnn: {run}" in (err := capsys.readouterr().err) and err.count("\n") == 1
    shutil.rmtree(run / "checkpoints")
    (run / "metrics.csv").write_text("epoch,loss\n1,zero\n")
    with pytest.raises(RunError, match=r"metrics\.csv is damaged"):
        tg.report(run)


# -- what training does with it -------------------------------------------------------------------------------


def test_a_report_that_fails_does_not_fail_the_training(tmp_path, monkeypatch, capsys):
    def broken(*_, **__):
        raise RuntimeError("the printer is on fire")

    monkeypatch.setattr("tinygrad_cnn.pages.report.writing.html", broken)
    assert command("train", "--epochs", "1", "--out", tmp_path / "run") == 0
    out = capsys.readouterr().out
    assert "report.html was left out: the printer is on fire\n" in out
    assert out.splitlines()[-1].startswith("accuracy 0.")
    assert not (tmp_path / "run" / "report.html").exists() and (tmp_path / "run" / "curves.png").exists()


def test_a_section_that_fails_leaves_the_others(tmp_path, monkeypatch, trained):
    monkeypatch.setattr(parts, "confusion", lambda _: 1 / 0)
    made = tg.report(trained, out=tmp_path / "page.html")
    assert made.missing == {"division by zero": ["the confusion matrix"]} and "training" in read(made).ids


def test_without_jinja_the_training_says_what_it_leaves_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    report_page._environment.cache_clear()
    assert command("train", "--epochs", "1", "--out", tmp_path / "run") == 0
    assert "report.html was left out: pages need Jinja2: pip install 'tinygrad-cnn[app]'" in capsys.readouterr().out
    assert command("report", tmp_path / "run") == 1
    assert "Jinja2" in capsys.readouterr().err
    assert command("train", "--live", "--epochs", "1", "--out", tmp_path / "live") == 1
    assert "--live: pages need Jinja2" in capsys.readouterr().err and not (tmp_path / "live").exists()


def test_a_training_that_explodes_leaves_a_page(tmp_path, capsys):
    with np.errstate(all="ignore"):
        assert command("train", "--lr", "1e30", "--epochs", "3", "--out", tmp_path / "run", "--quiet") == 1
    assert "the loss is" in capsys.readouterr().err
    assert "stopped by a loss that is not finite after 0 epochs" in read(tmp_path / "run" / "report.html").text


@pytest.mark.level("thorough")
@pytest.mark.skipif(os.name == "nt", reason="this system sends no SIGINT to one process")
def test_a_training_that_was_stopped_and_resumed(tmp_path, capsys):
    run = tmp_path / "run"
    child = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_cnn", "train", "--epochs", "40", "--out", str(run)], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (run / "model.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, out + err
    epochs = len((run / "metrics.csv").read_text().splitlines()) - 1
    page = read(run / "report.html")
    assert f"interrupted after {epochs} epoch" in page.text and "of 40" in page.text and set(page.ids) >= SECTIONS
    assert command("train", "--resume", run, "--quiet") == 0
    page = read(run / "report.html")
    assert "finished 40 epochs" in page.text and "in 2 parts" in page.text
    records = json.loads((run / "watch.json").read_text())["records"]
    assert [r["epoch"] for r in records] == list(range(1, 41))
    assert capsys.readouterr().out.startswith("accuracy")


def test_recordings_of_long_trainings_stay_small(tmp_path, monkeypatch):
    from tinygrad_cnn.cli import observers

    monkeypatch.setattr(observers, "MOST_RECORDS", 3)
    assert command("train", "--epochs", "7", "--out", tmp_path / "run", "--quiet") == 0
    records = json.loads((tmp_path / "run" / "watch.json").read_text())["records"]
    assert [r["epoch"] for r in records] == [1, 3, 6, 7]


# -- several runs ---------------------------------------------------------------------------------------------


def test_several_runs_on_one_page(trained, tmp_path, capsys):
    assert command("train", "--epochs", "1", "--out", tmp_path / "other", "--quiet") == 0
    out = tmp_path / "page.html"
    assert command("report", trained, tmp_path / "other", "--out", out) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"written: {out}"
    page = read(out)
    assert {"numbers", "training", "classes", "settings"} == set(page.ids)
    assert all(a.startswith(("data:", "#")) for a in page.addresses)
    text = out.read_text(encoding="utf-8")
    assert text.count('class="matrix"') == 2
    for name, differs in (("epochs", True), ("seed", True), ("lr", False), ("numpy", False)):
        row = re.search(rf'<tr><th scope="row">{name}</th>((?:<td class="differs"|<td>).*?)</tr>', text)[1]
        assert ('class="differs"' in row) == differs, name
    tables = [(run / "metrics.csv").read_text().splitlines() for run in (trained, tmp_path / "other")]
    accuracy = [float(table[-1].split(",")[-1]) for table in tables]
    row = re.search(r'<th scope="row">validation accuracy</th>(.*?)</tr>', text)[1]
    assert re.findall(r'class="number( best)?">([\d.]+)%', row) == [
        (" best" if a == max(accuracy) else "", f"{100 * a:.2f}") for a in accuracy
    ]


def test_runs_of_one_name_are_told_apart_and_unlike_ones_compared(trained, tmp_path):
    own_run(tmp_path / "a" / "run", {"optimiser": "Adam"})
    own_run(tmp_path / "b" / "run", {"lr": 0.01}, seed=1)
    made = compare([trained, tmp_path / "a" / "run", Run.open(tmp_path / "b" / "run")], tmp_path / "page.html")
    page = read(made)
    assert str(tmp_path / "a" / "run") in page.text and str(trained) in page.text
    assert "optimiser" in page.text and "left-out" in page.ids and made.missing.keys() == {"run"}
    with pytest.raises(ValueError, match="at least two runs, got 1"):
        compare([trained])


@pytest.mark.parametrize("bad, words", [
    ("nowhere", "there is no run folder"), ("photos", "is not a run folder"), ("broken", "is not the settings file"),
    ("state", ".safetensors is not a checkpoint, or is damaged"),
])  # fmt: skip
def test_a_run_that_cannot_be_read_is_named(trained, tmp_path, monkeypatch, capsys, bad, words):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("broken").mkdir()
    Path("broken/config.json").write_text("{")
    shutil.copytree(trained, "state")
    for file in Path("state/checkpoints").iterdir():
        file.write_bytes(b"x" * 100)
    for runs in ([bad], [trained, bad]):
        assert command("report", *runs, "--out", "page.html") == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and bad in err and words in err
        assert not Path("page.html").exists()


def test_a_wrong_command_line_is_refused(trained, tmp_path, capsys):
    assert command("report") == 2
    assert command("report", trained, "--out", "page.pdf") == 2
    assert "a name that ends in .html" in capsys.readouterr().err
    assert command("report", trained, "--out", tmp_path / "none" / "page.html") == 1
    assert "its folder does not exist" in capsys.readouterr().err


def test_a_page_appears_whole_or_not_at_all(trained, tmp_path, monkeypatch):
    out = tmp_path / "page.html"
    tg.report(trained, out=out)
    before = out.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        tg.report(trained, out=out)
    assert out.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_html_is_the_page(trained):
    facts = gather(trained)
    assert html(facts).startswith("<!doctype html>") and facts.missing == {}
