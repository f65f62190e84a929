"""What the benchmark keeps of machines, and how results of several stand side by side.  No test asserts a time."""

import copy
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import tinygrad_cnn as tg
from tinygrad_cnn.cli.bench import load

ROOT = Path(__file__).parents[1]
bench = load(ROOT / "benchmarks")
from benchmarks import cases, contest, machine, nets, report, sides, store, summary  # noqa: E402

pytestmark = pytest.mark.level("default")

XEON, EPYC = "Intel Xeon, AVX-512 and AMX", "AMD EPYC, AVX2"


def case(suite, name, kind="net", threads=2, **times):
    """A case in which each side took the same time in each of three rounds."""
    found = {
        side.replace("_", "-"): {"blocks": [t, t, t], "best": t, "losses": [2.0], "others": 0.0}
        for side, t in times.items()
    }
    contest.judge(found)
    return {
        "suite": suite, "name": name, "task": {"kind": kind}, "per": 1, "flop": 10**9, "bytes": 0, "threads": threads,
        "sides": found,
    }  # fmt: skip


def memory(**megabytes):
    sides = {k.replace("_", "-"): {"peak_bytes": v * 10**6, "import_bytes": 10**6} for k, v in megabytes.items()}
    return {"suite": "memory", "name": "lenet5 [64]", "task": {"kind": "net"}, "sides": sides}


def results(name, day, *found, old="", version="1"):
    described = {"class": name, "cpu": "one of them", "cores": 2, "system": "a system", "python": "3"}
    run = {"rounds": 3, "seconds": 0.1, "quick": False, "threads": 2, "load": 0.0, "load_after": 0.0, "only": []}
    return {
        "format": 2, "machine": described, "cases": list(found), **({"old": old} if old else {}),
        "runs": [{"date": f"{day} 07:00 UTC", **run}], "sides": {"ours": {"version": version, "form": "functional"}},
    }  # fmt: skip


def both_machines():
    train = case("train", "lenet5 [64]", ours=1.0, ours_layered=0.5, pytorch=3.0, pytorch_cl=2.0)
    new = results(
        EPYC, "2026-11-29", train, case("train", "odd [48]", ours=1.0, pytorch=8.0, pytorch_cl=9.0),
        case("avx2", "lenet5 [64], 1 thread", threads=1, ours=1.0, pytorch=1.5, pytorch_cl=2.0),
        case("bf16", "lenet5 [64]", ours=9.0, ours_medium=1.0, pytorch_bf16=3.0, pytorch_cl_bf16=2.5),
        *(case("infer", f"{n} [64]", ours=2.0, onnxruntime=1.0, pytorch=3.0) for n in summary.LARGE),
        case("overhead", "forward", "chain", ours=1e-6, pytorch=2e-6),
        memory(ours=100, ours_layered=110, ours_unfused=100, pytorch=500, pytorch_cl=400),
    )  # fmt: skip
    old = case("train", "lenet5 [64]", ours_layered=1.0, pytorch=2.5)
    return new, results(XEON, "2026-11-22", old, old="networks of layers")


@pytest.mark.parametrize(
    ("cpu", "sets", "name"),
    [
        ("AMD EPYC", ["AVX2"], EPYC),
        ("AMD EPYC 9R14", ["AVX2", "AVX-512", "AVX-512 bf16"], "AMD EPYC, AVX-512"),
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", ["AVX2", "AVX-512", "AMX", "AMX bf16"], XEON),
        ("Neoverse-N1", ["NEON"], "Neoverse-N1, NEON"),
        ("Apple M2", [], "Apple"),
    ],
)
def test_classes_of_machines(cpu, sets, name):
    assert machine.class_of(cpu, sets) == name


def test_instruction_sets_are_those_that_the_system_names():
    assert machine.instruction_sets({"flags": "fpu avx2 avx512f amx_tile"}) == ["AVX2", "AVX-512", "AMX"]
    assert machine.instruction_sets({"Features": "fp asimd sve"}) == ["NEON", "SVE"]
    assert machine.instruction_sets({}) == []


def test_a_tuned_malloc_is_named():
    assert machine.malloc({"HOME": "/"}) == "default"
    tuned = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "MALLOC_ARENA_MAX": "1"}
    assert machine.malloc(tuned) == "GLIBC_TUNABLES=glibc.malloc.hugetlb=1, MALLOC_ARENA_MAX=1"


def test_the_record_names_the_machine():
    found = machine.describe()
    assert {"class", "cpu", "sets", "cores", "page", "huge_pages", "malloc", "compiler", "system", "python"} == set(
        found
    )
    assert found["class"] and found["cores"] >= 1
    assert machine.revision(str(ROOT / "no such folder")) is None


def test_the_compiler_is_read_off_the_kernels(tmp_path, monkeypatch):
    file = tmp_path / "kernels.so"
    monkeypatch.setattr(machine, "find_spec", lambda name: type("Spec", (), {"origin": str(file)}))
    file.write_bytes(b"\x7fELF..GCC: (Debian 12.2.0-14) 12.2.0\x00")
    assert machine.compiler() == "gcc 12.2.0"
    file.write_bytes(b"\x7fELF..GCC: (Debian 12.2.0-14) 12.2.0\x00Debian clang version 14.0.6\x00")
    assert machine.compiler() == "clang 14.0.6"
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    assert machine.compiler() is None


def test_older_instructions_are_asked_of_every_library():
    entry = sides.SIDES["pytorch"]
    assert "ONEDNN_MAX_CPU_ISA" not in contest.environment(entry, 1)
    held = contest.environment(sides.SIDES["ours"], 1, cases.AVX2)
    assert held["TINYGRAD_CNN_ISA"] == "v3"
    assert held["ONEDNN_MAX_CPU_ISA"] == "AVX2" and held["ATEN_CPU_CAPABILITY"] == "avx2"


def test_a_worker_is_held_to_avx2():
    worker = contest.Worker("ours", 1, isa=cases.AVX2)
    worker.close()
    assert "AVX-512" not in worker.version
    assert worker.version.startswith(tg.__version__)


def test_the_quoted_table_is_a_suite_of_its_own():
    everything = cases.cases(quick=False)
    quoted = [c for c in everything if c.title.startswith("train/")]
    assert [c.task["net"] for c in quoted] == ["lenet5", "mnistnet", "vgg_small", "resnet20", "odd", "mobile"]
    assert all(c.task["batch"] == nets.net(c.task["net"]).batch and c.task["train"] for c in quoted)
    singles = [c for c in everything if c.suite in ("single", "infer-single")]
    assert {c.task["batch"] for c in singles} == {1} and len(singles) == 2 * len(nets.NETS)
    assert {c.task["batch"] for c in everything if c.suite == "infer"} == {64}
    reached = {c.suite: c.values["x"] for c in everything if c.values}
    assert (reached["batch"], reached["side"], reached["depth"]) == (512, 1024, 100_000)


def test_who_takes_part():
    by_title = {c.title: c for c in cases.cases(quick=False)}
    assert "mygrad" in cases.who(by_title["train/lenet5 [64]"])
    assert "mygrad" not in cases.who(by_title["train/odd [48]"])
    assert "onnxruntime" in cases.who(by_title["infer/unet [64]"])
    assert "onnxruntime" not in cases.who(by_title["train/odd [48]"])
    assert cases.who(by_title["bf16/odd [48]"]) == ["ours", "ours-medium", "pytorch-bf16", "pytorch-cl-bf16"]
    assert "ours-unfused" in cases.who(by_title["memory/odd [48]"])
    assert set(cases.WHO) <= set(cases.SUITES)
    assert {name for names in cases.WHO.values() for name in names} <= set(sides.SIDES)


def test_ratios_stand_side_by_side():
    text = summary.markdown(list(both_machines()))
    head = f"|  | {EPYC}, 2026-11-29, functional | {EPYC}, 2026-11-29, layered | {XEON}, 2026-11-22, old, layered |"
    assert head in text
    assert "| lenet5 [64] | 2.00 | 4.00 | 2.50 |" in text
    assert "| odd [48] | 8.00 | - | - |" in text
    assert "| geometric mean | **4.00** | **4.00** | **2.50** |" in text
    assert "| lenet5 [64], 1 thread | 1.50 |" in text
    assert "| of resnet20, mobile, vgg_small, mnistnet | **0.50** |" in text
    assert "| forward | 0.50 |" in text
    bf16 = text.partition("medium precision")[2]
    assert "| lenet5 [64] | 2.50 |" in bf16
    fused = text.partition("fused layers / unfused")[2]
    assert "| lenet5 [64] | 1.10 |" in fused
    assert "| lenet5 [64] | 0.25 | 0.28 |" in text


def test_the_page_marks_old_results_and_keeps_every_machine():
    text = summary.page(list(both_machines()))
    assert "**Old:** networks of layers" in text
    assert text.count("#### Training step (forward") == 2
    assert "ONNX Runtime / ours" in text and "PyTorch / layers" in text
    alone = summary.page([both_machines()[0]])
    assert alone == report.markdown(both_machines()[0])


def test_the_short_table_shows_the_newest_of_each_class():
    new, old = both_machines()
    older = results(EPYC, "2026-11-28", case("train", "lenet5 [64]", ours=1.0, pytorch=99.0))
    text = summary.short([old, older, new])
    assert f"{EPYC}, 2026-11-29, functional networks: ours, ms" in text
    assert f"{XEON}, 2026-11-22, old, layered networks: ours, ms" in text
    assert "| lenet5 [64] | 1000 | 2000 | 2.00 | 100 : 400 | 1000 | 2500 | 2.50 | - |" in text
    assert "| odd [48] | 1000 | 8000 | 8.00 | - | - | - | - | - |" in text
    assert f"A single op on ten numbers, recorded: 1 microseconds, PyTorch 2 ({EPYC})." in text
    assert "old" not in summary.short([new, results(EPYC, "2026-11-30", *old["cases"], old="x")])
    with pytest.raises(ValueError, match="no training steps"):
        summary.short([results(EPYC, "2026-11-29")])


def test_runs_of_a_day_are_kept_in_one_file(tmp_path):
    first = results(EPYC, "2026-11-29", case("train", "lenet5 [64]", ours=1.0), case("train", "odd [48]", ours=1.0))
    path = store.path_of(first, tmp_path)
    assert path.name == "2026-11-29-amd-epyc-avx2.json"
    store.add(first, path)
    again = results(EPYC, "2026-11-29", case("train", "odd [48]", ours=2.0), case("single", "odd [1]", ours=1.0))
    again["sides"]["jax"] = {"absent": "why"}
    kept = store.add(again, path)
    assert kept == store.read(path)
    found = {f"{c['suite']}/{c['name']}": c["sides"]["ours"]["best"] for c in kept["cases"]}
    assert found == {"train/lenet5 [64]": 1.0, "train/odd [48]": 2.0, "single/odd [1]": 1.0}
    assert len(kept["runs"]) == 2 and kept["sides"]["jax"] == {"absent": "why"}


def test_runs_that_do_not_belong_together_are_refused(tmp_path):
    first = results(EPYC, "2026-11-29", case("train", "lenet5 [64]", ours=1.0))
    path = tmp_path / "results.json"
    store.add(first, path)
    with pytest.raises(ValueError, match="machine has class AMD EPYC, AVX2, this one Intel Xeon"):
        store.add(results(XEON, "2026-11-29"), path)
    with pytest.raises(ValueError, match="ours is 1 in the file, 2 here"):
        store.add(results(EPYC, "2026-11-29", version="2"), path)
    assert store.read(path) == first
    absent = copy.deepcopy(first)
    absent["sides"]["ours"] = {"absent": "why"}
    assert store.add(absent, path)["sides"]["ours"]["version"] == "1"


def test_numbers_in_files_are_short(tmp_path):
    store.write({"a": [1.23456789, 2], "b": 1e-7 / 3}, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == {"a": [1.23457, 2], "b": 3.33333e-08}


def test_the_command_puts_results_of_a_folder_side_by_side(tmp_path):
    for kept in both_machines():
        store.write(kept, store.path_of(kept, tmp_path / "results"))
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{summary.BEGIN}\nbefore\n{summary.END}\nbelow\n")
    arguments = ["--from", str(tmp_path / "results")]
    done = CliRunner().invoke(bench, [*arguments, "--readme", str(readme)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "before" not in readme.read_text() and "| lenet5 [64] | 1000 | 2000 |" in readme.read_text()
    printed = CliRunner().invoke(bench, [*arguments, "--summary"], catch_exceptions=False).output
    assert printed.startswith("**Training step: PyTorch's better layout / ours**")
    (tmp_path / "empty").mkdir()
    assert "no results" in CliRunner().invoke(bench, ["--from", str(tmp_path / "empty")]).output


def test_a_recorded_run_is_added_to_the_file_of_the_day(tmp_path, monkeypatch):
    monkeypatch.setattr(store.path_of, "__defaults__", (tmp_path,))
    arguments = ["--rounds", "1", "--seconds", "0.001", "--side", "ours", "--record"]
    for only in ("overhead/forward", "overhead/both"):
        done = CliRunner().invoke(bench, [*arguments, "--only", only], catch_exceptions=False)
        assert done.exit_code == 0 and "added to" in done.output
    (path,) = tmp_path.iterdir()
    kept = store.read(path)
    assert [c["name"] for c in kept["cases"]] == ["forward", "both"]
    assert kept["sides"]["ours"]["form"] == "functional"
    assert [run["only"] for run in kept["runs"]] == [["overhead/forward"], ["overhead/both"]]


def test_one_interpreter_serves_all_sides(tmp_path):
    done = CliRunner().invoke(bench, ["--python", "/nowhere/python"])
    assert "/nowhere/python is not a program" in done.output


def test_results_of_the_repository_can_be_read():
    found = store.read_all((store.FOLDER,))
    assert found and summary.page(found)
    for kept in found:
        assert kept.get("old") or {"page", "huge_pages", "malloc", "compiler"} <= kept["machine"].keys()
