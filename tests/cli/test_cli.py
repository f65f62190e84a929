"""The command line, run as a user runs it: what it prints, what it writes, how it refuses."""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import tinygrad_cnn as tg
from tinygrad_cnn.cli import main
from tinygrad_cnn.data import write_idx

pytestmark = pytest.mark.level("default")

ROOT = Path(__file__).parents[1]
FILES = {
    "config.json", "info.json", "checkpoints", "model.safetensors", "metrics.csv", "graph.svg", "curves.png",
    "confusion.png", "flight.bin", "watch.json", "report.html",
}  # fmt: skip


@pytest.fixture
def tg_command(tmp_path, monkeypatch, capsys):
    """Runs the command in this process, in a folder of its own: (exit code, stdout, stderr).

    Numbers of threads that it sets are restored, since NumPy's BLAS rounds differently with another number.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGRAD_CNN_DEBUG", raising=False)

    def command(*args):
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in args])
        return left.value.code, *capsys.readouterr()

    threads = tg.get_num_threads()
    with threadpool_limits():  # no limits yet; those set inside end with it
        yield command
    tg.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of three epochs on the digits, made once."""
    run = tmp_path_factory.mktemp("trained") / "run"
    with pytest.raises(SystemExit) as left:
        main(["train", "--epochs", "3", "--out", str(run), "--quiet"])
    assert left.value.code == 0
    return run


def process(*args, **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "tinygrad_cnn", *map(str, args)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


def assert_one_line(result, code, *words):
    """A refusal: its exit code, nothing on stdout, one line on stderr that has all the words."""
    assert result[0] == code, result
    assert result[1] == ""
    assert result[2].startswith("tinygrad-cnn: ") and result[2].count("\n") == 1, result[2]
    for word in words:
        assert word in result[2]


# -- train ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seed, least",
    [(0, 0.985), pytest.param(1, 0.98, marks=pytest.mark.level("thorough")),
     *(pytest.param(seed, 0.98, marks=pytest.mark.level("exhaustive")) for seed in (2, 3, 4))],
)  # fmt: skip
def test_the_main_job_reaches_its_accuracy(tg_command, seed, least):
    code, out, _ = tg_command("train", *(["--seed", seed] if seed else []))
    last = out.splitlines()[-1]
    assert code == 0 and re.fullmatch(r"accuracy [01]\.\d{4}", last)
    assert float(last.split()[1]) >= least
    assert {p.name for p in Path("runs/digits-lenet-1").iterdir()} == FILES
    assert "runs/digits-lenet-1" in out.replace(os.sep, "/") and "try next: tinygrad-cnn predict" in out


def test_quiet_prints_the_last_line_only(tg_command):
    code, out, err = tg_command("train", "--epochs", "1", "--quiet")
    assert code == 0 and re.fullmatch(r"accuracy 0\.\d{4}\n", out) and err == ""


def test_the_run_folder_says_what_was_asked_for(trained):
    assert {p.name for p in trained.iterdir()} == FILES
    config = json.loads((trained / "config.json").read_text())
    assert config["data"] == "digits" and config["epochs"] == 3 and config["input_shape"] == [8, 8, 1]
    rows = (trained / "metrics.csv").read_text().splitlines()
    assert rows[0].startswith("epoch,step,lr,seconds,loss,accuracy,val_loss,val_accuracy") and len(rows) == 4
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "conv2d" in (trained / "graph.svg").read_text(encoding="utf-8")


def test_every_option_of_a_run_counts(tg_command):
    options = ("--epochs", 2, "--batch-size", 100, "--lr", 0.001, "--seed", 3, "--threads", 1, "--model", "mnistnet",
               "--precision", "medium")  # fmt: skip
    code, _, _ = tg_command("train", *options, "--out", "deep/run")
    config = json.loads(Path("deep/run/config.json").read_text())
    assert code == 0
    assert {k: config[k] for k in ("epochs", "batch_size", "lr", "seed", "threads", "model", "precision")} == {
        "epochs": 2, "batch_size": 100, "lr": 0.001, "seed": 3, "threads": 1, "model": "mnistnet",
        "precision": "medium",
    }  # fmt: skip
    (info,) = json.loads(Path("deep/run/info.json").read_text())["sessions"]
    assert info["switches"]["precision"].startswith("medium") and tg.get_float32_precision() == "highest"
    steps = [row.split(",")[1] for row in Path("deep/run/metrics.csv").read_text().splitlines()[1:]]
    assert steps == ["15", "30"]


def test_runs_are_numbered_and_never_overwritten(tg_command):
    for _ in range(2):
        assert tg_command("train", "--epochs", "1", "--quiet")[0] == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == ["digits-lenet-1", "digits-lenet-2"]
    before = Path("runs/digits-lenet-1/model.safetensors").read_bytes()
    assert_one_line(tg_command("train", "--out", "runs/digits-lenet-1"), 1, "holds a run already", "--resume")
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("precious")
    assert_one_line(tg_command("train", "--out", "mine"), 1, "mine exists and is not an empty folder")
    assert Path("runs/digits-lenet-1/model.safetensors").read_bytes() == before
    assert [p.name for p in Path("mine").iterdir()] == ["thesis.txt"]


def test_the_same_seed_trains_the_same_bits(tg_command, trained):
    assert tg_command("train", "--epochs", "3", "--out", "again", "--quiet")[0] == 0
    assert Path("again/model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows delivers Ctrl-C to whole process groups only")
def test_ctrl_c_saves_and_resume_goes_on_bit_for_bit(tg_command, tmp_path):
    assert tg_command("train", "--epochs", 30, "--out", "straight", "--quiet")[0] == 0
    child = process("train", "--epochs", 30, "--out", "stopped", cwd=tmp_path)
    assert child.stdout.readline().startswith("lenet")
    deadline = time.monotonic() + 60
    while not Path("stopped/model.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, out + err
    assert "stopped by Ctrl-C; go on with: tinygrad-cnn train --resume stopped" in err and "Traceback" not in err
    assert "accuracy" not in out.splitlines()[-1] or out.splitlines()[-1].startswith("epoch")
    code, out, _ = tg_command("train", "--resume", "stopped")
    assert code == 0 and "epoch 30/30" in out
    for file in ("model.safetensors",):
        assert Path("stopped", file).read_bytes() == Path("straight", file).read_bytes()


@pytest.mark.level("thorough")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_after_kill_minus_nine_resume_goes_on_bit_for_bit(tg_command, tmp_path):
    assert tg_command("train", "--epochs", 30, "--out", "straight", "--quiet")[0] == 0
    child = process("train", "--epochs", 30, "--out", "killed", cwd=tmp_path)
    lines = [child.stdout.readline() for _ in range(4)]  # the third epoch is over, the fourth runs or saves
    child.kill()
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, lines
    assert len(Path("killed/metrics.csv").read_text().splitlines()) < 30
    assert tg_command("train", "--resume", "killed", "--quiet")[0] == 0
    assert Path("killed/model.safetensors").read_bytes() == Path("straight/model.safetensors").read_bytes()


def test_a_finished_run_resumed_prints_its_accuracy_again(tg_command, trained):
    before = (trained / "model.safetensors").read_bytes()
    code, out, _ = tg_command("train", "--resume", trained, "--quiet")
    assert code == 0 and out.startswith("accuracy 0.")
    assert (trained / "model.safetensors").read_bytes() == before


def test_a_finished_run_says_how_to_go_on_and_is_extended(tg_command, trained, tmp_path):
    shutil.copytree(trained, "run")
    code, out, _ = tg_command("train", "--resume", "run")
    assert code == 0 and "finished after 3 epochs; to go on with it: tinygrad-cnn train --resume run --epochs 6" in out
    assert_one_line(tg_command("train", "--resume", "run", "--epochs", 2), 2, "has 3 epochs behind it")
    code, out, _ = tg_command("train", "--resume", "run", "--epochs", 4)
    assert code == 0 and "epoch 4/4" in out and json.loads(Path("run/config.json").read_text())["epochs"] == 4
    rows = [line.split(",") for line in Path("run/metrics.csv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["epoch", "1", "2", "3", "4"]


@pytest.mark.level("thorough")
def test_a_segmentation_is_trained_stopped_resumed_and_reported(tg_command, monkeypatch):
    from tinygrad_cnn import data, models

    few = data.digit_scenes((40, 12))
    monkeypatch.setattr(data, "digit_scenes", lambda: few)
    monkeypatch.setitem(models._BUILDERS, "unet_small", partial(models.unet, width=4, depth=2))
    options = ("--data", "digit_scenes", "--epochs", 3, "--batch-size", 8)
    code, out, err = tg_command("train", *options, "--out", "run")
    assert code == 0 and re.fullmatch(r"miou 0\.\d{4}", out.splitlines()[-1]), out + err
    assert "left out" not in out and "masks" in out
    assert {p.name for p in Path("run").iterdir()} == FILES - {"confusion.png"} | {"masks.png"}
    head = Path("run/metrics.csv").read_text().splitlines()[0]
    assert head.endswith("loss,accuracy,miou,val_loss,val_accuracy,val_miou")
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert 'id="masks"' in page and 'id="mistakes"' not in page and "intersection over union" in page
    assert "held-out pixels are classified correctly" in page
    code, again, _ = tg_command("predict", "run", "--data", "digit_scenes")
    assert code == 0 and again.splitlines()[-1] == out.splitlines()[-1]
    code, out, _ = tg_command("train", "--resume", "run", "--epochs", 4, "--quiet")
    assert code == 0 and out.startswith("miou ")
    assert tg_command("report", "run")[0] == 0


@pytest.mark.parametrize("options, words", [
    (["--data", "digit"],
     ["no data set 'digit'", "digits, mnist, fashion_mnist, digit_scenes", "Did you mean digits"]),
    (["--model", "lenett"], ["no model 'lenett'", "Did you mean lenet"]),
    (["--data", "digit_scenes", "--model", "lenet"], ["outputs (1, 11)", "targets (1, 32, 32)", "unet_small"]),
    (["--model", "unet_small"], ["outputs (1, 8, 8, 10)", "targets (1,)", "Use --model lenet"]),
    (["--lr", "nan"], ["--lr", "nan is not a positive number"]),
    (["--lr", "-1"], ["--lr", "not a positive number"]),
    (["--lr", "inf"], ["--lr", "not a positive number"]),
    (["--lr", "fast"], ["--lr", "fast"]),
    (["--epochs", "0"], ["--epochs", "0"]),
    (["--batch-size", "0"], ["--batch-size"]),
    (["--seed", "-1"], ["--seed"]),
    (["--threads", "0"], ["--threads"]),
    (["--data-dir", "."], ["--data-dir", "inside the package"]),
    (["--speed", "9"], ["--speed"]),
    (["surplus"], ["surplus"]),
    (["--resume", "x", "--lr", "0.1"], ["--resume goes on with the run's own settings; leave out --lr"]),
    (["--resume", "x", "--out", "y"], ["leave out --out"]),
])  # fmt: skip
def test_a_wrong_command_line_is_one_line_and_exit_code_2(tg_command, options, words):
    assert_one_line(tg_command("train", *options), 2, *words)
    assert not Path("runs").exists()


def test_a_loss_that_explodes_stops_in_words(tg_command):
    with np.errstate(all="ignore"):
        result = tg_command("train", "--lr", "1e30", "--epochs", "3", "--quiet")
    assert_one_line(result, 1, "the loss is", "at step", "Use a smaller lr", "digits-lenet-1")


def test_a_missing_or_foreign_run_is_named(tg_command):
    Path("photos").mkdir()
    for command in (["train", "--resume"], ["draw"], ["predict"]):
        more = ["--data", "digits"] if command == ["predict"] else []
        assert_one_line(tg_command(*command, "nowhere", *more), 1, "there is no run folder nowhere")
        assert_one_line(tg_command(*command, "photos", *more), 1, "photos is not a run folder")


def test_missing_and_damaged_data_files_are_named(tg_command):
    Path("empty").mkdir()
    result = tg_command("train", "--data", "mnist", "--data-dir", "empty")
    assert_one_line(result, 1, "empty", "train-images")
    Path("empty/train-images-idx3-ubyte").write_bytes(b"not idx")
    assert_one_line(tg_command("train", "--data", "mnist", "--data-dir", "empty"), 1, "train-images-idx3-ubyte")
    assert not Path("runs").exists()


def test_a_data_set_from_a_folder_is_trained_on_and_found_again(tg_command):
    rng = np.random.default_rng(0)
    Path("files").mkdir()
    for role, n in (("train", 200), ("t10k", 40)):
        labels = rng.integers(10, size=n).astype(np.uint8)
        pictures = rng.integers(50, size=(n, 28, 28)).astype(np.uint8)
        for picture, label in zip(pictures, labels, strict=True):
            picture[2 * label : 2 * label + 6] += 200
        write_idx(f"files/{role}-images-idx3-ubyte", pictures)
        write_idx(f"files/{role}-labels-idx1-ubyte", labels)
    options = ("--data", "fashion_mnist", "--data-dir", "files", "--epochs", 2, "--out", "run", "--quiet")
    code, out, err = tg_command("train", *options)
    assert code == 0, err
    code, again, _ = tg_command("predict", "run", "--data", "fashion_mnist")
    assert code == 0 and again.splitlines()[-1] == out.splitlines()[-1]


# -- predict --------------------------------------------------------------------------------------------------


def test_predict_gives_the_test_accuracy_of_the_training(tg_command, trained):
    first = tg_command("train", "--resume", trained, "--quiet")[1]
    code, out, _ = tg_command("predict", trained, "--data", "digits")
    assert code == 0 and out.splitlines()[-1] == first.strip()
    assert len(re.findall(r"^test image \d+: \d, but it is \d$", out, re.M)) == len(out.splitlines()) - 2


def test_predict_reads_images_of_any_size_and_paper(tg_command, trained):
    from PIL import Image

    _, test = tg.data.digits()
    for k in range(3):
        ink = np.uint8(255 * test.images[k, :, :, 0])
        Image.fromarray(ink).resize((90, 60), Image.Resampling.BICUBIC).save(f"{k}.png")
        Image.fromarray(255 - ink).convert("RGB").resize((64, 64)).save(f"{k}.jpg")
    files = [f"{k}.{kind}" for k in range(3) for kind in ("png", "jpg")]
    code, out, _ = tg_command("predict", trained, *files)
    lines = out.splitlines()
    assert code == 0 and [line.split(":")[0] for line in lines] == files
    guesses = [line.split()[1] for line in lines]
    assert guesses[0::2] == guesses[1::2]  # ink on paper reads as ink on black does
    assert all(re.fullmatch(r"\S+: \d [\d.]+%, \d [\d.]+%, \d [\d.]+%", line) for line in lines)


def test_predict_refuses_what_it_cannot_read(tg_command, trained):
    Path("note.png").write_text("no picture")
    assert_one_line(tg_command("predict", trained, "note.png"), 1, "note.png", "not a readable")
    assert_one_line(tg_command("predict", trained, "none.png"), 1, "none.png: no such file")
    assert_one_line(tg_command("predict", trained), 2, "either images or --data")
    assert_one_line(tg_command("predict", trained, "a.png", "--data", "digits"), 2, "either images or --data")
    assert_one_line(tg_command("predict", trained, "--data", "digitz"), 2, "no data set 'digitz'")


def test_a_run_without_weights_or_with_others_is_refused(tg_command, trained):
    shutil.copytree(trained, "copy")
    tg.save("copy/model.safetensors", {"other": np.zeros(3)})
    result = tg_command("predict", "copy", "--data", "digits")
    assert result[0] == 1 and "other" in result[2] and "Traceback" not in result[2]
    Path("copy/model.safetensors").write_bytes(b"")
    assert_one_line(tg_command("predict", "copy", "--data", "digits"), 1, "model.safetensors", "it is empty")
    Path("copy/model.safetensors").unlink()
    assert_one_line(tg_command("predict", "copy", "--data", "digits"), 1, "has no model.safetensors")


# -- draw, check, info ----------------------------------------------------------------------------------------


def test_draw_a_run_and_a_function(tg_command, trained, monkeypatch):
    code, out, _ = tg_command("draw", trained, "--out", "net.dot")
    assert code == 0 and out == "drawn: net.dot\n"
    assert "conv2d" in Path("net.dot").read_text(encoding="utf-8")
    Path("my_graph_module.py").write_text(
        "import tinygrad_cnn as tg\n"
        "def parabola():\n    x = tg.Tensor([1.0, 2.0], requires_grad=True, name='x')\n    return (x * x).sum()\n"
        "def broken():\n    return 1 / 0\n"
    )
    importlib.invalidate_caches()
    code, out, _ = tg_command("draw", "my_graph_module:parabola")
    assert code == 0 and "<svg" in Path("parabola.svg").read_text(encoding="utf-8")
    assert_one_line(tg_command("draw", "my_graph_module:broken"), 1, "broken() failed with ZeroDivisionError")
    assert_one_line(tg_command("draw", "my_graph_module:none"), 1, "has no function 'none'")
    assert_one_line(tg_command("draw", "no_such_module_here:f"), 1, "no module 'no_such_module_here'")
    assert_one_line(tg_command("draw", trained, "--out", "net.gif"), 1, ".gif")
    assert_one_line(tg_command("draw", trained, "--out", "nowhere/net.svg"), 1, "nowhere")
    code, out, _ = tg_command("draw", trained, "--out", "net.html")
    sites = re.findall(r'"site":(null|"[^"]*")', Path("net.html").read_text(encoding="utf-8"))
    assert sites and set(sites) == {"null"}, "no line of the user's made these ops, and none of click's is named"
    monkeypatch.delitem(sys.modules, "my_graph_module")


def test_draw_takes_the_options_of_the_function(tg_command, trained):
    code, out, _ = tg_command("draw", trained, "--out", "net.html", "--show", "values, grads", "--collapse", "features")
    assert code == 0 and out == "drawn: net.html\n"
    assert "grad norm" in Path("net.html").read_text(encoding="utf-8")
    assert tg_command("draw", trained, "--out", "back.dot", "--direction", "both", "--depth", "1")[0] == 0
    assert "gradients" in Path("back.dot").read_text(encoding="utf-8")
    assert_one_line(tg_command("draw", trained, "--show", "colour"), 1, "'colour' is unknown")
    assert_one_line(tg_command("draw", trained, "--collapse", "fetures"), 1, "Did you mean features")


def test_a_function_that_fails_is_drawn_up_to_there(tg_command, monkeypatch):
    Path("my_failing_module.py").write_text(
        "import tinygrad_cnn as tg\n"
        "def product():\n    x = tg.ones((2, 3), requires_grad=True)\n    return tg.exp(x) @ x\n"
        "def pair():\n    return tg.nn.Flatten(), tg.ones((2, 3, 4))\n"
    )
    importlib.invalidate_caches()
    result = tg_command("draw", "my_failing_module:product", "--out", "failed.dot")
    assert_one_line(result, 1, "product() failed with ValueError", "The graph up to there is drawn: failed.dot")
    assert "matmul failed" in Path("failed.dot").read_text(encoding="utf-8")
    assert tg_command("draw", "my_failing_module:pair", "--out", "pair.dot")[0] == 0
    assert "flatten" in Path("pair.dot").read_text(encoding="utf-8")
    monkeypatch.delitem(sys.modules, "my_failing_module")


def test_check_prints_ops_and_checks(tg_command):
    code, out, _ = tg_command("check", "relu", "matmul")
    lines = out.splitlines()
    assert code == 0 and re.match(r"relu +\d+ checks", lines[0]) and re.match(r"matmul +\d+ checks", lines[1])
    total = sum(int(line.split()[1]) for line in lines[:2])
    assert lines[2].startswith(f"2 ops, {total} checks hold, 0 ops broken")
    assert_one_line(tg_command("check", "conv2"), 2, "no op 'conv2'", "Did you mean conv2d")


def test_check_tells_a_broken_op(tg_command):
    rule = tg.registry["tanh"].rules["x"]
    try:
        tg.registry["tanh"].vjp(x=lambda g, y: g * (1 + y * y))
        code, out, _ = tg_command("check", "tanh", "relu")
    finally:
        tg.registry["tanh"].vjp(x=rule)
    assert code == 1 and "BROKEN" in out and "1 ops broken" in out
    assert tg_command("check", "tanh")[0] == 0


def test_info_names_versions_kernels_threads_and_renderers(tg_command):
    code, out, _ = tg_command("info")
    assert code == 0
    for word in (tg.__version__, np.__version__, "kernels", "in use", "threads", "renderers", "graphviz-pure"):
        assert word in out
    for name, what in tg.kernels.backends().items():
        assert re.search(rf"^  {name} +{re.escape(what)}", out, re.M)


# -- the frame ------------------------------------------------------------------------------------------------


def test_version_and_help(tg_command):
    assert tg_command("--version") == (0, f"tinygrad-cnn {tg.__version__}\n", "")
    for command in ([], ["--help"], ["train", "-h"]):
        code, out, err = tg_command(*command)
        assert code == 0 and out.startswith("Usage: tinygrad-cnn") and err == ""
    assert_one_line(tg_command("trian"), 2, "trian")


def test_debug_shows_the_traceback(tg_command, monkeypatch):
    monkeypatch.setenv("TINYGRAD_CNN_DEBUG", "1")
    with pytest.raises(Exception, match="there is no run folder nowhere"):
        main(["draw", "nowhere"])


def test_without_click_one_line_names_the_remedy(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit) as left:
        main(["info"])
    out, err = capsys.readouterr()
    assert left.value.code == 1 and out == ""
    assert err == "tinygrad-cnn: the command line needs click. Install it: pip install 'tinygrad-cnn[app]'\n"


def test_without_matplotlib_training_says_what_it_leaves_out(tg_command, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, _ = tg_command("train", "--epochs", "1")
    assert code == 0 and "curves.png and confusion.png were left out" in out
    assert not Path("runs/digits-lenet-1/curves.png").exists()


def test_without_a_renderer_the_graph_is_kept_as_text(tg_command, monkeypatch):
    from tinygrad_cnn.graphs import render

    monkeypatch.setattr(render, "find_dot", lambda: None)
    monkeypatch.setattr(render, "find_pure", lambda: None)
    code, out, _ = tg_command("train", "--epochs", "1")
    assert code == 0 and "graph.svg was left out, graph.dot written" in out
    assert "digraph" in Path("runs/digits-lenet-1/graph.dot").read_text(encoding="utf-8")


def test_python_minus_m_is_the_command(tmp_path):
    child = process("--version", cwd=tmp_path)
    assert child.communicate(timeout=60)[0] == f"tinygrad-cnn {tg.__version__}\n" and child.returncode == 0


def test_a_reader_that_leaves_ends_it_quietly(tmp_path):
    child = process("check", "relu", "exp", "sin", cwd=tmp_path)
    child.stdout.close()
    assert "Traceback" not in child.stderr.read()
    child.stderr.close()
    child.wait(timeout=60)
