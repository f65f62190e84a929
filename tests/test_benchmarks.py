"""The benchmark runs, reports who is absent, and its arithmetic is right.  No test asserts a time."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import tinygrad_cnn as tg
from tinygrad_cnn import models
from tinygrad_cnn.autodiff import batching
from tinygrad_cnn.cli.bench import find, load
from tinygrad_cnn.cli.commands import app

ROOT = Path(__file__).parents[1]
bench = load(ROOT / "benchmarks")
from benchmarks import cases, contest, fit, footprint, jacobians, nets, report, samples, sides  # noqa: E402
from benchmarks.kernels import table  # noqa: E402
from benchmarks.worker import block, peak_memory, warm_up  # noqa: E402

pytestmark = pytest.mark.level("default")


def fake(ours, nchw, channels_last):
    """What a case of these block times would give."""
    found = {
        name: {"blocks": times, "best": min(times), "losses": [2.5, 2.0], "others": 0.0}
        for name, times in (("ours", ours), ("pytorch", nchw), ("pytorch-cl", channels_last))
    }
    contest.judge(found)
    return found


def results(**found):
    """A run of one training case."""
    case = {
        "suite": "train", "name": "lenet5 [64]", "task": {"kind": "net"}, "per": 1, "flop": 10**9, "bytes": 0,
        "sides": fake(**found),
    }  # fmt: skip
    machine = {
        "class": "a class", "cpu": "a processor", "cores": 2, "system": "a system", "python": "3", "page": 4096,
        "huge_pages": "madvise", "malloc": "default", "compiler": "gcc 1",
    }  # fmt: skip
    run = {"rounds": 3, "seconds": 0.1, "quick": True, "threads": 2, "load": 0.0, "load_after": 0.5, "only": []}
    return {
        "format": 2, "machine": machine, "runs": [{"date": "2026-11-29 07:00 UTC", **run}], "cases": [case],
        "sides": {"ours": {"version": "1", "form": "functional"}, "jax": {"absent": "No module named 'jax'"}},
    }  # fmt: skip


TIMES = {"ours": [1.0, 2.0, 4.0], "nchw": [3.0, 4.0, 20.0], "channels_last": [2.0, 6.0, 8.0]}


def test_ratios_are_taken_pair_by_pair():
    found = fake(**TIMES)
    assert contest.pairwise(found, "pytorch", "ours") == {"median": 3.0, "low": 2.5, "high": 4.0}  # of 3, 2 and 5
    assert contest.pairwise(found, "pytorch-cl", "ours")["median"] == 2.0  # of 2, 3 and 2
    assert contest.pairwise(found, "pytorch", "ours-layered") is None
    assert found["pytorch"]["seconds"]["median"] == 4.0


def test_the_better_layout_counts():
    found = fake(**TIMES)
    assert report.better_layout(found) == "pytorch"  # median 4 against 6
    found["pytorch"] = {"absent": "why"}
    assert report.better_layout(found) == "pytorch-cl"
    assert report.better_layout({}) is None


def test_tables_hold_times_ratios_losses_and_absences():
    text = report.markdown(results(**TIMES))
    assert "| lenet5 [64] | 2000 ± 750 | 4000 ± 4250 | 6000 ± 1500 | **3.00** (2.50..4.00) | 2.00 | 0 | 0 |" in text
    assert "| lenet5 [64], steps 1 and 2 | 2.5000 2.0000 | 2.5000 2.0000 | 2.5000 2.0000 |" in text
    assert "Geometric mean, PyTorch's better layout over ours 3.00x." in text
    assert "2 cores, pages of 4 KiB, transparent huge pages: madvise, malloc: default, kernels by gcc 1" in text
    assert "- tinygrad_cnn (functional): 1" in text
    assert "- JAX jit (NHWC): absent: No module named 'jax'" in text
    assert report.geometric_mean([2, 8]) == pytest.approx(4)


def test_a_busy_machine_is_named():
    run = results(**TIMES)
    assert "not calm" not in report.markdown(run)
    run["cases"][0]["sides"]["pytorch"]["others"] = 1.5
    assert "not calm" in report.markdown(run)


@pytest.mark.parametrize(
    ("name", "giga"),
    [("lenet5", 0.16), ("mnistnet", 4.6), ("vgg_small", 14.9), ("resnet20", 31.5), ("odd", 1.52), ("mobile", 0.75)],
)
def test_flop_of_the_networks(name, giga):
    net = nets.net(name)
    assert nets.flop(net, net.batch, train=True) / 1e9 == pytest.approx(giga, rel=0.1)


@pytest.mark.parametrize("name", nets.FOUR)
def test_the_package_has_the_same_networks(name):
    net = nets.net(name)
    model = models.build({"lenet5": "lenet"}.get(name, name), net.shape, net.classes, 0)
    assert [p.shape for p in model.parameters()] == [w.shape for w in nets.weights(net)]


def test_channels_first_weights_compute_the_same():
    net = nets.Net("two layers", 2, (3, 4, 2), (("conv", 5, 1, 1, 0, True, 1), ("flatten",), ("dense", 10)))
    x, (w, b, v, c) = nets.batches(net, 2)[0][0], nets.weights(net)
    w2, b2, v2, c2 = nets.channels_first(net)
    last = (x @ w[0, 0] + b).reshape(2, -1) @ v + c
    first = np.einsum("nhwc,oc->nohw", x, w2[:, :, 0, 0]) + b2[:, None, None]
    np.testing.assert_allclose(first.reshape(2, -1) @ v2 + c2, last, rtol=1e-4, atol=1e-5)


def test_shapes_on_the_way():
    shapes = {layer[0]: after for layer, _, after in nets.walk(nets.net("resnet20").layers, (32, 32, 3))}
    assert shapes["residual"] == (8, 8, 64)
    assert shapes["mean"] == (64,)


def test_cases_are_named_once():
    titles = [case.title + str(case.task) + str(case.threads) for case in cases.cases(quick=False)]
    assert len(titles) == len(set(titles))
    assert {case.suite for case in cases.cases(quick=True)} == {*cases.SUITES} - {"footprint"}
    assert len(cases.CONVOLUTIONS) == 18


def test_a_block_repeats_at_least_once():
    calls = []
    assert len(block(lambda: calls.append(1), 0.0)["times"]) == 1
    assert len(calls) == 1  # longer than the block: it is the block
    assert len(block(lambda: calls.append(1), 0.01)["times"]) == len(calls) - 2  # else the first does not count
    assert warm_up(lambda: 1.5, 1.0) == [1.5] * 5
    assert peak_memory() > 1 << 20


def test_a_side_that_is_not_there_says_why():
    with pytest.raises(contest.Absent, match="does not start"):
        contest.Worker("pytorch", 1, "/nowhere/python")


def test_a_worker_survives_a_task_that_it_cannot_do():
    worker = contest.Worker("ours", 1)
    try:
        with pytest.raises(contest.Absent, match="KeyError"):
            worker.ask("prepare", task={"kind": "net", "net": "no such net", "batch": 1, "train": True}, seconds=0.01)
        found = contest.compete([worker], {"kind": "chain", "length": 10, "backward": True}, 2, 0.001)
    finally:
        worker.close()
    assert len(found["ours"]["blocks"]) == 2
    assert not worker.alive


def test_a_worker_that_dies_is_reported():
    worker = contest.Worker("ours", 1)
    worker.process.kill()
    worker.process.wait()
    assert "killed by signal 9" in contest.compete([worker], {"kind": "chain"}, 1, 0.001)["ours"]["absent"]


def test_the_command_measures_and_reports_absent_sides(tmp_path):
    """Our two sides train the smallest network; PyTorch is looked for in an interpreter that has none."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    saved, document = tmp_path / "results.json", tmp_path / "page.md"
    document.write_text(f"above\n{report.BEGIN}\nold\n{report.END}\nbelow\n")
    arguments = ["--quick", "--rounds", "2", "--seconds", "0.001", "--threads", "1", "--only", "train/lenet5"]
    for side in ("ours", "ours-numpy", "pytorch"):
        arguments += ["--side", side]
    arguments += ["--python", f"pytorch={bare}", "--json", str(saved), "--into", str(document)]
    done = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    written = json.loads(saved.read_text())
    (case,) = written["cases"]
    assert case["sides"].keys() == {"ours", "ours-numpy"}
    first, second = (case["sides"][name]["losses"][:2] for name in ("ours", "ours-numpy"))
    assert first == pytest.approx(second, rel=1e-4)
    assert all(math.isfinite(t) and t > 0 for t in case["sides"]["ours"]["blocks"])
    assert "No module named" in written["sides"]["pytorch"]["absent"]
    page = document.read_text()
    assert page.startswith("above\n") and page.endswith("\nbelow\n") and "old" not in page
    assert "PyTorch NCHW: absent" in page


def test_pictures_are_drawn(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results(**TIMES)))
    done = CliRunner().invoke(bench, ["--from", str(tmp_path / "results.json"), "--pictures", str(tmp_path / "p")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "p" / "ratios.png").stat().st_size > 5000


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"format": 1}'])
def test_foreign_results_are_refused(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text)
    done = CliRunner().invoke(bench, ["--from", str(path)])
    assert done.exit_code == 1
    assert "does not hold results" in done.output


def test_bad_options_are_worded(tmp_path):
    run = CliRunner().invoke
    assert "is not PATH or SIDE=PATH" in run(bench, ["--python", "tensorflow=python"]).output
    assert "is not a program" in run(bench, ["--python", "pytorch=/nowhere/python"]).output
    (tmp_path / "r.json").write_text(json.dumps(results(**TIMES)))
    (tmp_path / "page.md").write_text("no marks")
    done = run(bench, ["--from", str(tmp_path / "r.json"), "--into", str(tmp_path / "page.md")])
    assert "lacks the lines" in done.output
    assert (tmp_path / "page.md").read_text() == "no marks"
    assert set(sides.LAYOUTS) < set(sides.SIDES)


def test_the_command_finds_them_here_or_beside_the_sources_and_says_so_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert find() == ROOT / "benchmarks"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinygrad_cnn.cli.bench.__file__", str(tmp_path / "site" / "tinygrad_cnn" / "cli" / "bench.py"))
    done = CliRunner().invoke(app, ["bench", "--help"])
    assert done.exit_code == 1 and "Run this command in a clone of the source code" in done.output
    (tmp_path / "site" / "benchmarks" / "sides").mkdir(parents=True)
    for name in ("command.py", "sides/ours.py"):
        (tmp_path / "site" / "benchmarks" / name).touch()
    assert find() == tmp_path / "site" / "benchmarks"


def test_all_options_are_those_of_the_benchmarks(monkeypatch):
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["bench", "--help"])
    assert done.exit_code == 0 and "Usage: tinygrad-cnn bench [OPTIONS]" in done.output and "--quick" in done.output


def test_a_worker_does_not_look_for_packages_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "tinygrad_cnn").mkdir()
    (tmp_path / "tinygrad_cnn" / "__init__.py").write_text("raise ImportError('the folder hides the installation')")
    monkeypatch.chdir(tmp_path)
    worker = contest.Worker("ours", 1)
    worker.close()
    assert worker.version.startswith(tg.__version__)
    assert footprint.measure(["ours"], {}, 1)["ours"]["bytes"] > 1 << 20


@pytest.mark.parametrize("name", ["MLP 64-64-64, tanh: 64 outputs in the input", "8 outputs of sin"])
def test_jacobians_are_timed_both_ways(name, capsys, monkeypatch):
    run = jacobians.cases()[name]
    fewest = batching.FEWEST
    _, _, error = jacobians.compare(run, 0.0)
    assert error < 1e-5
    assert fewest == batching.FEWEST  # as it was
    monkeypatch.setattr(jacobians, "cases", lambda: {name: run})
    jacobians.main(0.0)
    assert f"| {name} | " in capsys.readouterr().out


def test_kernels_are_timed_in_both_sets():
    head, row = table(["add_relu"], rounds=1).splitlines()
    assert head.split()[0] == "kernel" and row.split()[0] == "add_relu" and float(row.split()[1]) > 0
    with pytest.raises(SystemExit, match="unknown kernel rellu. Choose from"):
        table(["rellu"])


def test_fit_is_timed_beside_a_loop_that_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(fit, "EPOCHS", 1)
    name = "softmax regression of digits, and accuracy"
    case = fit.cases()[name]
    monkeypatch.setattr(fit, "cases", lambda: {name: case})
    (row,) = fit.table(1).splitlines()[2:]
    assert row.startswith(f"| {name} | ") and row.count("µs") == 3


def test_gradients_of_samples_are_timed_beside_the_loop(capsys, monkeypatch):
    name, (model, x, y) = next(iter(samples.cases().items()))
    monkeypatch.setattr(samples, "cases", lambda: {name: (model, x[:4], y[:4])})
    samples.main(0.0)
    header, _, row = capsys.readouterr().out.strip().splitlines()
    assert header.count("|") == row.count("|") and row.startswith(f"| {name} |")
    assert samples.compare((model, x[:4], y[:4]), 0.0)[1] < 1e-5
