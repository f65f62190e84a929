"""A run folder from a stranger may hold symbolic links: nothing that writes into it writes through one of them."""

import json
import os
import shutil
from pathlib import Path

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.cli import main
from tinygrad_cnn.train.run_folder import Run, RunError

pytestmark = [
    pytest.mark.level("default"),
    pytest.mark.skipif(os.name == "nt", reason="making symbolic links needs a privilege there"),
]

READ_ONLY = {"config.json"}  # written once, when a run is made; and so are checkpoints


def is_input(name):
    """Whether there is nothing to go on with without this file."""
    return name in READ_ONLY or name.startswith("checkpoints/")


COMMANDS = [
    ("train", "--resume", "{run}", "--quiet"),
    ("train", "--resume", "{run}", "--quiet", "--live"),
    ("report", "{run}"),
    ("report", "{run}", "{run}", "--out", "{run}/comparison.html"),
    ("draw", "{run}"),
    ("draw", "{run}", "--out", "{run}/graph.html"),
    ("predict", "{run}", "--data", "digits"),
    ("summary", "{run}"),
]


def command(*args):
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in args])
    return left.value.code


def on(run, words):
    return [word.format(run=run) for word in words]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run whose settings ask for one epoch more than it has, so that going on with it writes every file."""
    run = tmp_path_factory.mktemp("trained") / "run"
    assert command("train", "--epochs", 1, "--out", run, "--quiet") == 0
    (run / "comparison.html").touch()
    (run / "graph.html").touch()
    return run


@pytest.fixture
def run(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "run"))


def ask_for_more(run):
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, "epochs": settings["epochs"] + 1}))


def names_of(run):
    found = sorted(contents(run))
    assert {"config.json", "metrics.csv", "report.html"} <= set(found)
    return found


def linked(run, outside, names):
    """Move files of a run out of it and leave links to them; what lies outside then."""
    outside.mkdir()
    for name in names:
        (outside / name).parent.mkdir(exist_ok=True)
        shutil.move(run / name, outside / name)
        (run / name).symlink_to(outside / name)
    return contents(outside)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_that_are_links_are_replaced_by_every_command(run, tmp_path):
    ask_for_more(run)
    names = names_of(run)
    before = linked(run, tmp_path / "outside", names)
    for words in COMMANDS:
        assert command(*on(run, words)) == 0, words
        assert contents(tmp_path / "outside") == before, words
    assert {name for name in names if (run / name).is_symlink()} == {name for name in names if is_input(name)}
    assert tg.Run.open(run).load_state()["epoch"] == 2


@pytest.mark.level("thorough")
@pytest.mark.parametrize("words", [one for one in COMMANDS if "--live" not in one], ids=lambda words: words[0])
def test_each_file_in_turn(run, tmp_path, words):
    names = names_of(run)
    for name in names:
        outside = tmp_path / f"outside {Path(name).name}"
        before = linked(run, outside, [name])
        assert command(*on(run, words)) == 0, name
        assert contents(outside) == before, name
        os.replace(outside / name, run / name)


def test_links_that_lead_nowhere_make_no_file_there(run, tmp_path):
    names = [name for name in names_of(run) if not is_input(name)]
    outside = tmp_path / "outside"
    ask_for_more(run)
    linked(run, outside, names)
    for path in outside.iterdir():
        path.unlink()
    for words in COMMANDS:
        assert command(*on(run, words)) == 0, words
        assert os.listdir(outside) == [], words
    assert not any((run / name).is_symlink() for name in names)


def test_drafts_have_names_that_cannot_be_guessed(run, tmp_path):
    """Links under the names of drafts that earlier versions used, or that one might think of, are not followed."""
    ask_for_more(run)
    victim = tmp_path / "victim"
    victim.write_bytes(b"old")
    pid = os.getpid()
    patterns = [".draft-{}", "{}.part", "{}.tmp", ".{}.tmp", f"{{}}.{pid}.part", f".{{}}.{pid}.tmp", "{}~"]
    drafts = {pattern.format(name) for pattern in patterns for name in os.listdir(run)}
    for name in drafts:
        (run / name).symlink_to(victim)
    names = set(os.listdir(run))
    for words in COMMANDS:
        assert command(*on(run, words)) == 0, words
    assert victim.read_bytes() == b"old"
    assert set(os.listdir(run)) == names and all((run / name).is_symlink() for name in drafts)


def test_no_two_drafts_have_one_name(run):
    seen = []
    for _ in range(2):
        Run.open(run).draw("a.svg", lambda path: (seen.append(path), path.write_text("x")))
    assert seen[0] != seen[1] and {path.suffix for path in seen} == {".svg"}
    assert (run / "a.svg").read_text() == "x" and not seen[0].parent.exists()


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_inside_that_is_a_link_is_refused(run, tmp_path, capsys, there):
    pytest.importorskip("tensorboardX")
    outside = tmp_path / "outside"
    if there:
        outside.mkdir()
    (run / "tensorboard").symlink_to(outside, target_is_directory=True)
    assert command("train", "--resume", run, "--quiet", "--tensorboard") == 1
    words = capsys.readouterr().err
    assert f"{run / 'tensorboard'} is a symbolic link" in words and "Remove it." in words and words.count("\n") == 1
    assert outside.exists() == there and not (there and os.listdir(outside))


def test_the_run_itself_may_be_a_link(run, tmp_path):
    pytest.importorskip("tensorboardX")
    ask_for_more(run)
    (tmp_path / "link").symlink_to(run, target_is_directory=True)
    assert command("train", "--resume", tmp_path / "link", "--quiet", "--tensorboard") == 0
    assert (tmp_path / "link").is_symlink() and len(os.listdir(run / "tensorboard")) == 1
    assert Run.open(run).load_state()["epoch"] == 2


def test_event_files_of_tensorboard_have_names_that_cannot_be_guessed(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    from tinygrad_cnn.train.tensorboard import TensorBoard

    monkeypatch.setattr("time.time", lambda: 1e9)
    names = set()
    for k in range(2):
        TensorBoard(tmp_path / str(k)).close()
        names.update(os.listdir(tmp_path / str(k)))
    assert len(names) == 2


def test_a_name_given_by_the_caller_cannot_pass_through_a_link(tmp_path):
    run = Run.create(tmp_path / "run")
    (tmp_path / "outside").mkdir()
    (run.path / "real").mkdir()
    (run.path / "link").symlink_to(tmp_path / "outside", target_is_directory=True)
    (run.path / "real" / "link").symlink_to(tmp_path / "outside", target_is_directory=True)
    for name in ("link/a.txt", "real/link/a.txt", "link/new/a.txt"):
        with pytest.raises(RunError, match=r"link is a symbolic link, and nothing is written out of"):
            run.write(name, "x")
        with pytest.raises(RunError, match="is a symbolic link"):
            run.draw(name, lambda path: path.write_text("x"))
    run.write("real/a.txt", "x")
    assert os.listdir(tmp_path / "outside") == [] and (run.path / "real" / "a.txt").read_text() == "x"
