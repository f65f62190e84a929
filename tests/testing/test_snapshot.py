"""`gradient_snapshot`, run as a user runs it: pytest on the user's own tests, with reference files beside them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.testing import GradientSnapshot, SnapshotError
from tinygrad_cnn.testing.recorded_arrays import stored, weights, worst
from tinygrad_cnn.testing.snapshot import stem_of

pytest_plugins = ["pytester"]

NET = """
import numpy as np
import pytest
import tinygrad_cnn as tg
from tinygrad_cnn import nn

def loss_of(padding=1, middle=(), scale=1.0):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=padding, rng=0), *middle, nn.Tanh(), nn.GlobalAvgPool2d(), nn.Linear(4, 3, rng=1),
    )
    x = scale * np.random.default_rng(0).standard_normal((2, 6, 6, 1)).astype(np.float32)
    return tg.softmax_cross_entropy(model(x), np.array([0, 2]))
"""
ONE = "def test_net(gradient_snapshot):\n    gradient_snapshot(loss_of({}))\n"


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest in a process of its own, in an empty folder, with the plugin; `source` becomes test_it.py."""
    root = str(Path(tg.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
    plugin = ("-p", "no:tinygrad_cnn", "-p", "tinygrad_cnn.testing.plugin")  # the same, installed or not

    def run(source, *args):
        (pytester.path / "test_it.py").write_text(NET + source, encoding="utf-8")
        return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", *args)

    return run


def references(pytester):
    return sorted(path.relative_to(pytester.path).as_posix() for path in pytester.path.rglob("snapshots/**/*.json"))


@pytest.fixture
def snapshot(tmp_path):
    """Compares with references below a temporary folder, as the test "test_net", after a first run that writes them."""

    def snapshot(*args, update=False, **options):
        one = GradientSnapshot(tmp_path / "test_x.py", "test_net", update=update, pictures=lambda: tmp_path)
        one(*args, **options)

    return snapshot


# -- the life of a reference ----------------------------------------------------------------------------------


@pytest.mark.level("thorough")
def test_first_run_fails_update_writes_second_run_passes(pytester, run):
    result = run(ONE.format(""))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no reference*test_net.json yet. Write it with: pytest --update-snapshots"])
    assert references(pytester) == []
    result = run(ONE.format(""), "--update-snapshots")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["tinygrad_cnn: wrote snapshots/test_it/test_net.json"])
    path = pytester.path / "snapshots/test_it/test_net.json"
    text = path.read_bytes()
    assert json.loads(text)["test"] == "test_net"
    assert len(text) < 10_000
    run(ONE.format("")).assert_outcomes(passed=1)
    result = run(ONE.format(""), "--update-snapshots")  # what holds is not written again
    result.assert_outcomes(passed=1)
    assert "wrote" not in result.stdout.str()
    assert path.read_bytes() == text


@pytest.mark.level("thorough")
def test_a_changed_value_fails_with_a_table(pytester, run):
    run(ONE.format(""), "--update-snapshots")
    before = (pytester.path / "snapshots/test_it/test_net.json").read_bytes()
    result = run(ONE.format("scale=1.01"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*numbers:", "* name * what * expected * got * difference * tolerance", "* 0.weight[[]* gradient *"]
    )
    assert "structure:" not in result.stdout.str()
    assert (pytester.path / "snapshots/test_it/test_net.json").read_bytes() == before
    run(ONE.format("scale=1.01"), "--update-snapshots").assert_outcomes(passed=1)
    run(ONE.format("scale=1.01")).assert_outcomes(passed=1)


@pytest.mark.level("thorough")
def test_a_changed_parameter_of_an_op_fails_in_words_and_leaves_a_page_with_both(pytester, run):
    run(ONE.format(""), "--update-snapshots")
    result = run(ONE.format("padding=0"), "--basetemp", str(pytester.path / "temporary"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*structure:", "*conv2d (0): padding was 1, now 0", "*both graphs: *.html"])
    pages = list(pytester.path.rglob("*.html"))
    assert {page.name for page in pages} == {"test_net.html"}
    assert all((pytester.path / "temporary") in page.parents for page in pages)  # not beside the sources
    assert "padding=1 → 0" in pages[0].read_text(encoding="utf-8").replace("\\u2192", "→")


@pytest.mark.level("thorough")
def test_obsolete_references_are_reported(pytester, run):
    three = "def test_a(gradient_snapshot):\n    gradient_snapshot(loss_of())\n    gradient_snapshot(loss_of())\n"
    three += "def test_b(gradient_snapshot):\n    gradient_snapshot(loss_of(), name='b')\n"
    run(three, "--update-snapshots").assert_outcomes(passed=2)
    names = ["test_a.2.json", "test_a.json", "test_b.b.json"]
    assert references(pytester) == [f"snapshots/test_it/{name}" for name in names]
    assert "is obsolete" not in run(three).stdout.str()
    fewer = "def test_a(gradient_snapshot):\n    gradient_snapshot(loss_of())\ndef test_b(): pass\n"
    result = run(fewer)
    result.stdout.fnmatch_lines(
        [f"tinygrad_cnn: snapshots/test_it/{name} is obsolete: its test does not use it" for name in names[::2]]
    )
    assert "test_b.b" not in run(fewer, "-k", "test_a").stdout.str()  # whose test did not run
    assert len(references(pytester)) == 3  # reported, not deleted


@pytest.mark.level("thorough")
def test_parametrised_tests_and_classes_in_several_processes(pytester, run):
    source = """
class TestNets:
    @pytest.mark.parametrize("scale", [0.5, 2.0])
    @pytest.mark.parametrize("name", ["a/b", "a_b", "../x"])
    def test_net(self, gradient_snapshot, name, scale):
        gradient_snapshot(loss_of(scale=scale))
        gradient_snapshot(loss_of(scale=scale), name="again and again")
"""
    result = run(source, "--update-snapshots", "-n", "2")
    result.assert_outcomes(passed=6)
    assert len(references(pytester)) == 12
    assert result.stdout.str().count("tinygrad_cnn: wrote") == 12
    assert len(list((pytester.path / "snapshots/test_it").iterdir())) == 12  # no draft, and nothing outside
    result = run(source, "-n", "2")
    result.assert_outcomes(passed=6)
    assert "is obsolete" not in result.stdout.str()
    result = run(source.replace("scale=scale))", "scale=3 * scale))"), "-n", "2", "-k", "0.5")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*both graphs: *.html"])


# -- links ----------------------------------------------------------------------------------------------------


def product():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    return (x * x).sum()


def test_a_link_in_the_place_of_a_reference_is_replaced(snapshot, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("precious")
    (tmp_path / "snapshots/test_x").mkdir(parents=True)
    link = tmp_path / "snapshots/test_x/test_net.json"
    link.symlink_to(other)
    snapshot(product(), update=True)
    assert other.read_text() == "precious"
    assert not link.is_symlink()
    snapshot(product())


@pytest.mark.parametrize("folder", ["snapshots", "snapshots/test_x"])
def test_nothing_is_written_into_a_folder_that_is_a_link(snapshot, tmp_path, folder):
    (tmp_path / "other").mkdir()
    link = tmp_path / folder
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "other", target_is_directory=True)
    with pytest.raises(OSError, match="symbolic link"):
        snapshot(product(), update=True)
    assert not list((tmp_path / "other").iterdir())


# -- what is told ---------------------------------------------------------------------------------------------


def network(*layers):
    return nn.Sequential(nn.Linear(3, 4, rng=0), *layers, nn.Linear(4, 2, rng=1)).to(np.float64)


X = np.array([[0.5, -1.0, 2.0], [1.0, 0.25, -0.75]])


def told(snapshot, *args, **options):
    with pytest.raises(SnapshotError) as info:
        snapshot(*args, **options)
    return str(info.value), info.value


def test_new_and_gone_ops_are_named(snapshot):
    snapshot(network(nn.Tanh()), X, update=True)
    text, error = told(snapshot, network(nn.Tanh(), nn.Sigmoid()), X)
    assert "\n  sigmoid (2) is new\n" in text
    assert "\n  3.weight: the name was 2.weight, now 3.weight\n" in text
    assert error.picture.is_file()
    assert "sigmoid" in error.picture.read_text(encoding="utf-8")
    text, _ = told(snapshot, network(), X)
    assert "\n  tanh (1) is gone\n" in text


def test_a_gradient_that_is_cut_is_told(snapshot):
    def loss_of(cut):
        a, b = (tg.Tensor([1.0, 2.0], requires_grad=True, name=name) for name in "ab")
        return (a * (tg.stop_gradient(b) if cut else b)).sum()

    snapshot(loss_of(False), update=True)
    text, _ = told(snapshot, loss_of(True))
    assert "\n  b (now array) does not require a gradient now: its history is cut by stop_gradient\n" in text


def test_a_wrong_rule_is_found_where_the_value_is_right(snapshot, register, monkeypatch):
    double = register(lambda x: 2 * x, name="double_for_snapshot", samples=[])
    double.vjp(x=lambda g: g * 2.0)

    def loss_of():
        return double(tg.Tensor([1.0, 2.0], requires_grad=True, name="x")).sum()

    snapshot(loss_of(), update=True)
    double.vjp(x=lambda g: g * 3.0)
    text, _ = told(snapshot, loss_of())
    table = text[text.index("numbers:") :].splitlines()[2:4]
    assert table[0].split() == ["x[0]", "gradient", "2", "3", "1", "2.8e-05"]
    assert table[1].startswith("both graphs: ")


def test_ops_that_are_not_registered_any_more_are_drawn(snapshot, register):
    gone = register(lambda x, *, k=1: x + 0, name="gone_from_snapshot", samples=[])
    gone.vjp(x=lambda g: g)
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    snapshot(tg.exp(gone(x, k=2)).sum(), update=True)
    del tg.registry["gone_from_snapshot"]
    try:
        text, error = told(snapshot, tg.exp(x).sum())
    finally:
        tg.registry["gone_from_snapshot"] = gone
    assert "gone_from_snapshot is gone" in text
    assert "gone_from_snapshot" in error.picture.read_text(encoding="utf-8")


def test_long_parameters_are_compared_whole(snapshot):
    x = tg.Tensor(np.ones((2,) * 10), requires_grad=True, name="x")
    order = list(range(10))
    snapshot(tg.transpose(x, order), update=True)
    text, _ = told(snapshot, tg.transpose(x, [*order[:8], 9, 8]))
    assert "transpose: axes was" in text


# -- arrays ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64, 65, 5000])
def test_a_change_of_any_element_is_seen(size):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(size)
    old = stored(x)
    assert worst("x", "value", old, stored(x * (1 + 1e-12)), None, 0.0, 0.0) is None
    for k in rng.integers(size, size=50):
        for change in (1e-6, -2 * x[k]):  # a sign too, which leaves the norm
            y = x.copy()
            y[k] += change
            row = worst("x", "value", old, stored(y), None, 0.0, 0.0)
            assert row is not None
            assert row.excess > 1


def test_an_exchange_of_two_elements_is_seen():
    x = np.random.default_rng(0).standard_normal(1000)
    y = x.copy()
    y[[101, 102]] = y[[102, 101]]
    row = worst("x", "value", stored(x), stored(y), None, 0.0, 0.0)
    assert row.what == "weighted sum of value"


def test_weights_have_both_signs_and_none_is_near_zero():
    w = weights((50, 20)).ravel()
    assert (np.abs(w) >= 0.5).all()
    assert (np.abs(w) < 1.5).all()
    assert abs(w.mean()) < 0.01


def test_tolerances(snapshot):
    def loss_of(error):
        return (tg.Tensor(np.ones(5) * (1 + error), requires_grad=True, name="x") * 2.0).sum()

    snapshot(loss_of(0), update=True)
    snapshot(loss_of(1e-10))
    told(snapshot, loss_of(1e-4))
    snapshot(loss_of(1e-4), rtol=1e-3)
    snapshot(loss_of(1e-4), atol=0.01)
    for options in ({"rtol": 0}, {"rtol": "x"}, {"rtol": np.nan}, {"atol": -1}, {"atol": np.inf}):
        with pytest.raises(ValueError, match=r"gradient_snapshot: [ar]tol must be a"):
            snapshot(loss_of(0), **options)


def test_a_gradient_that_is_zero_but_for_rounding_passes(snapshot):
    """The bias before a batch norm has none: what is computed are roundings, which depend on the machine."""

    def loss_of(order):
        x = np.random.default_rng(0).standard_normal((64, 3)).astype(np.float32)[order]
        linear, norm = nn.Linear(3, 4, rng=0), nn.BatchNorm2d(4)
        y = norm(linear(x).reshape(-1, 1, 1, 4))
        return (y * y * y).mean()

    snapshot(loss_of(slice(None)), update=True)
    snapshot(loss_of(slice(None, None, -1)))


# -- what is given --------------------------------------------------------------------------------------------


def record_of(tmp_path, name="test_net"):
    return json.loads((tmp_path / f"snapshots/test_x/{name}.json").read_text(encoding="utf-8"))


def test_several_outputs_and_chosen_gradients(snapshot, tmp_path):
    a, b = (tg.Tensor([1.0, 2.0], requires_grad=True, name=name) for name in "ab")
    h = tg.exp(a)
    both = {"sum": (h * b).sum(), "rows": [h, tg.Tensor(np.array([1, 2]))]}
    snapshot(both, {"weight": a, "hidden": h}, update=True)
    record = record_of(tmp_path)
    assert list(record["gradients"]) == ["hidden", "weight"]
    assert list(record["values"]) == ["output rows 0", "output rows 1", "output sum"]
    assert record["values"]["output rows 1"]["values"] == [1, 2]
    seed = weights((2,))
    assert np.allclose(record["gradients"]["hidden"]["values"], b.data + seed)
    assert np.allclose(record["gradients"]["weight"]["values"], h.data * (b.data + seed))
    snapshot(both, {"weight": a, "hidden": h})


def test_a_module_is_run_and_left_as_it_was(snapshot, tmp_path):
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Dropout(0.5, rng=1), nn.Linear(4, 2, rng=2)).to(np.float64)
    for p in model.parameters():
        p.grad = np.ones(p.shape)
    snapshot(model, X, update=True)
    snapshot(model, X)
    assert list(record_of(tmp_path)["gradients"]) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert all((p.grad == 1).all() for p in model.parameters())
    snapshot(tg.exp, tg.Tensor(X, name="x"), name="function", update=True)
    assert list(record_of(tmp_path, "test_net.function")["gradients"]) == ["x"]


def test_names_that_occur_twice_are_told_apart(snapshot, tmp_path):
    xs = [tg.Tensor(float(k), requires_grad=True, name=name) for k, name in enumerate(["x", "x 2", "x", "x"])]
    snapshot(sum(xs), update=True)
    assert {v["values"][0] for v in record_of(tmp_path)["gradients"].values()} == {1.0}
    assert list(record_of(tmp_path)["gradients"]) == ["x", "x 2", "x 3", "x 4"]


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((np.ones(3),), TypeError, "gradient_snapshot: expected a Tensor"),
        ((tg.Tensor([1.0]),), tg.GraphError, "gradient_snapshot: the output has no gradient to compare: "),
        (([],), ValueError, "there is no Tensor"),
        ((ValueError("x"),), TypeError, "expected a Tensor"),
        ((nn.Tanh(),), TypeError, "Tanh needs an input to be run"),
        ((product(), 3), TypeError, "expected a dict or list of Tensors"),
        ((product(), {"w": np.ones(2)}), TypeError, "the gradient of 'w' was asked for"),
        ((product(), {"w": tg.Tensor([1.0], requires_grad=True)}), tg.GraphError, "no gradient reaches 'w'"),
        ((product(), {}, {}), TypeError, "after a Tensor comes one dict or list"),
    ],
)
def test_wrong_use(snapshot, args, error, words):
    with pytest.raises(error, match=words):
        snapshot(*args, update=True)


def test_results_that_are_not_finite_and_graphs_that_were_released(snapshot):
    x = tg.Tensor([0.0, 1.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        loss = tg.sqrt(x * 0.0 - 1.0).sum()
        text, _ = told(snapshot, loss, update=True)
    assert "the value of output holds nan at ()" in text
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(tg.GraphError, match="take the snapshot before the backward"):
        snapshot(loss, update=True)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "another"}', "\x00", '{"format": NaN}'])
def test_a_file_that_is_no_reference_is_refused_and_can_be_written_anew(snapshot, tmp_path, text):
    snapshot(product(), update=True)
    path = tmp_path / "snapshots/test_x/test_net.json"
    path.write_text(text, encoding="utf-8")
    message, _ = told(snapshot, product())
    assert "is not a reference that this version can read" in message
    snapshot(product(), update=True)
    snapshot(product())


@pytest.mark.parametrize("key", ["format", "test", "structure", "outputs", "values", "gradients"])
def test_damaged_references_are_refused(snapshot, tmp_path, key):
    snapshot(product(), update=True)
    path = tmp_path / "snapshots/test_x/test_net.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for damaged in ({k: v for k, v in record.items() if k != key}, record | {key: [7]}, record | {key: {"x": 7}}):
        path.write_text(json.dumps(damaged), encoding="utf-8")
        told(snapshot, product())


def test_names_of_files():
    names = ["test_a", "test_a[1]", "test_a[x-0.5]", "test_a[x-0_5]", "A::test_a", "test_a[a/b]", "test_a[..]",
             f"test_a[{'y' * 500}1]", f"test_a[{'y' * 500}2]", "test_a[\N{GREEK SMALL LETTER ALPHA}]"]  # fmt: skip
    stems = [stem_of(name) for name in names]
    assert stems[:2] == ["test_a", "test_a-1"]
    assert stems[4] == "A-test_a"
    assert len(set(stems)) == len(names)
    assert all(set(stem) <= set("abcdefghijklmnopqrstuvwxyzA0123456789_-") and len(stem) < 120 for stem in stems)


def test_a_name_that_is_used_twice_is_refused(tmp_path):
    one = GradientSnapshot(tmp_path / "test_x.py", "test_net", update=True, pictures=lambda: tmp_path)
    one(product(), name="a")
    with pytest.raises(ValueError, match="has a snapshot test_net.a.json already"):
        one(product(), name="a")
    with pytest.raises(TypeError, match="name must be a word"):
        one(product(), name=3)


def test_two_tests_that_share_a_file_are_told_so(snapshot, tmp_path):
    snapshot(product(), update=True)
    path = tmp_path / "snapshots/test_x/test_net.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"test_net"', '"Test_Net"'), encoding="utf-8")
    assert "is the reference of Test_Net, not of test_net" in told(snapshot, product())[0]
