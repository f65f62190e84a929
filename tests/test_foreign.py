"""Names of other libraries: each line of the table holds, and the messages that are made of it help."""

import ast
import copy
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, models, nn, optim
from tinygrad_cnn.autodiff import foreign
from tinygrad_cnn.autodiff.calls import named

TABLE = foreign.table()
ROWS = [row for where, names in TABLE.items() if where != "keywords" for rows in names.values() for row in rows]
LINES = {(row.where, row.write or row.lacks): row for row in ROWS if row.holds}.values()  # names share them
KEYWORDS = [row for rows in TABLE["keywords"].values() for row in rows]
CALLS = {call: None for row in KEYWORDS for call in row.calls}
ADVICE = re.compile(r"[Ww]rite (.+?)\.(?= [A-Z]|$)")


def words():
    """What the examples speak of."""
    rng = np.random.default_rng(0)
    train, test = data.digits()
    small = data.Subset(train, range(64))
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=0))
    p = nn.Parameter([1.0, 2.0])
    optimizer = optim.SGD([p], 0.1)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    x, y = (tg.Tensor(rng.uniform(0.1, 2, (2, 3, 4)), dtype=np.float32) for _ in "xy")
    return {
        "tg": tg, "np": np, "nn": nn, "optim": optim, "data": data, "models": models, "net": net, "p": p,
        "optimizer": optimizer, "loss": loss, "x": x, "y": y, "w": tg.Tensor(rng.normal(size=(4, 5)), dtype=np.float32),
        "s": tg.ones((3, 3)), "mask": x > 1, "images": test.images[:4], "labels": test.labels[:4],
        "logits": tg.Tensor(rng.normal(size=(4, 10))),
        "few": small, "train": train, "test": test, "schedule": optim.StepLR(optimizer, 10), "xs": [x, y],
        "loader": data.DataLoader(small, 32), "history": tg.fit(net, small, epochs=1, progress=False),
    }  # fmt: skip


@pytest.fixture(scope="module")
def spoken():
    return words()


def arrays(value):
    """The values of Tensors, in lists and tuples too."""
    if isinstance(value, (list, tuple)):
        return [arrays(v) for v in value]
    return value.data if isinstance(value, tg.Tensor) else value


def quick(text):
    """An example that trains on less data, in silence."""
    return text.replace("(net, train", "(net, few").replace("epochs=1", "epochs=1, progress=False")


def run(text, names):
    """The value of an example; of a statement, None."""
    if re.search(r"\bp\.(assign|register)|p.grad =", text):
        names = names | {"p": copy.deepcopy(names["p"])}
    names = names | copy.deepcopy({k: names[k] for k in ("net", "optimizer")})
    if " = " in text.partition("(")[0]:
        exec(text, names)
        return None
    return eval(text, names)


def alike(got, meant):
    if isinstance(meant, (list, tuple)):
        assert len(got) == len(meant)
        for g, m in zip(got, meant, strict=True):
            alike(g, m)
    elif isinstance(meant, type):
        assert got is meant
    else:
        np.testing.assert_allclose(got, meant, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("row", [row for row in LINES if row.write], ids=lambda row: f"{row.where}.{row.name}")
def test_examples_run_and_mean_what_the_foreign_names_mean(row, spoken, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tg.save("weights.safetensors", spoken["net"])
    got = arrays(run(quick(row.write), spoken))
    if row.meaning:
        meant = eval(row.meaning, {k: arrays(v) if isinstance(v, tg.Tensor) else v for k, v in spoken.items()})
        alike(got, meant)
        if row.where == "Tensor" and row.name in ("float", "double", "half", "long", "int", "bool"):
            assert got.dtype == meant.dtype


def test_a_line_about_what_is_missing_goes_when_it_exists(monkeypatch):
    row = next(row for row in ROWS if row.where == "nn" and row.lacks and foreign.stands(row))
    with pytest.raises(AttributeError, match=f"has no attribute '{row.name}'. {re.escape(row.lacks)}"):
        getattr(nn, row.name)
    monkeypatch.setattr(nn, row.name, nn.Linear, raising=False)
    assert getattr(nn, row.name) is nn.Linear and not foreign.stands(row)


def test_a_line_may_end_with_a_name(monkeypatch):
    row = foreign.Row("nn", "New", ("torch",), lacks="It is missing.", filled_by="nn.Newer")
    assert row.holds
    monkeypatch.setattr(nn, "Newer", nn.Linear, raising=False)
    assert not row.holds


def test_conditions_are_names():
    conditions = {row.filled_by for row in ROWS} | {row.needs for row in ROWS}
    assert all(re.fullmatch(r"(tg|tg\.linalg|nn|optim|data|Tensor)\.\w+", name) for name in conditions - {""})


def test_a_line_may_wait_for_a_name(monkeypatch):
    row = foreign.Row("tg", "new", ("torch",), "tg.newer(x)", needs="tg.newer")
    assert not row.holds
    monkeypatch.setattr(tg, "newer", tg.relu, raising=False)
    assert row.holds


# -- the messages -----------------------------------------------------------------------------------------------

OWNERS = {"Op": "op", "Module": "net", "Optimizer": "optimizer", "Schedule": "schedule", "DataLoader": "loader",
          "Dataset": "train", "History": "history", "Tensor": "x"}  # fmt: skip


def owner(where, spoken):
    """The object or module on which users look for the names."""
    names = spoken | {"op": tg.relu}
    return names[OWNERS[where]] if where in OWNERS else tg if where == "tg" else foreign.attrgetter(where)(tg)


@pytest.mark.parametrize("where", [where for where in TABLE if where != "keywords"])
def test_no_line_hides_or_contradicts_a_name_that_exists(where, spoken):
    """A name is answered where it is missing only, and left out of the page where it is not."""
    thing = owner(where, spoken)
    for name, rows in TABLE[where].items():
        if name in dir(thing):
            getattr(thing, name)
            assert where in foreign.CLASSES or not any(foreign.stands(row) for row in rows), name
        elif any(row.holds for row in rows):
            assert sum(foreign.stands(row) for row in rows) == 1, name


@pytest.mark.parametrize("where", [where for where in TABLE if where != "keywords"])
def test_each_name_is_answered_with_its_line(where, spoken):
    thing = owner(where, spoken)
    assert len([name for name in TABLE[where] if name in dir(thing)]) < len(TABLE[where])
    for name in TABLE[where]:
        row = foreign.line(where, name)
        if name in dir(thing) or row is None:
            continue
        with pytest.raises(AttributeError) as caught:
            getattr(thing, row.name)
        said = str(caught.value)
        assert f"has no attribute {row.name!r}. " in said, said
        assert row.says(row.write) in said or " Here it is " in said, said
        assert not hasattr(thing, row.name) and getattr(thing, row.name, 7) == 7


@pytest.mark.parametrize("call", CALLS)
def test_a_foreign_keyword_is_answered_with_a_call_that_runs(call, spoken):
    with pytest.raises(TypeError) as caught:
        run(quick(call), spoken)
    said = str(caught.value)
    assert "unknown parameter" in said and "It is called as" not in said, said
    (advice,) = ADVICE.findall(said)[-1:]
    run(advice, {**spoken, "layer": spoken["net"], **stand_ins(quick(call), advice, spoken)})


def stand_ins(call, advice, names):
    """What a message calls by the names of parameters: the arguments of the call."""
    call, advice = (ast.parse(text, mode="eval").body for text in (call, advice))
    values = [eval(ast.unparse(arg), names) for arg in (*call.args, *(k.value for k in call.keywords))]
    told = [*advice.args, *(k.value for k in advice.keywords)]
    return {node.id: value for node, value in zip(told, values, strict=False) if isinstance(node, ast.Name)}


def test_every_keyword_has_a_call():
    assert not [row.name for row in KEYWORDS if not row.calls]
    assert len(CALLS) > 100


# -- what stays as it is ----------------------------------------------------------------------------------------

THINGS = ("x", "net", "optimizer", "schedule", "loader", "few", "history", "p")


@pytest.mark.parametrize("name", THINGS)
def test_protocols_copies_and_pickles_are_as_before(name, spoken):
    thing = spoken[name]
    for probe in ("__array_interface__", "__cuda_array_interface__", "_repr_png_", "_ipython_display_", "__nothing__"):
        with pytest.raises(AttributeError) as caught:
            getattr(thing, probe)
        assert "\n" not in str(caught.value) and "Did you mean" not in str(caught.value)
    assert getattr(thing, "nothing_like_it", 7) == 7 and not hasattr(thing, "view")
    for twin in (copy.copy(thing), copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
        assert type(twin) is type(thing) and vars(type(twin)) == vars(type(thing))


def test_a_keyword_that_another_function_lacks_stays_its_own_matter(spoken):
    def loss(outputs, labels):
        return tg.norm(outputs).item(progress=3)

    with pytest.raises(TypeError, match="item: unknown parameter 'progress'"):
        tg.fit(spoken["net"], spoken["few"], epochs=1, progress=False, loss=loss)

    def own(outputs, labels):
        return len(outputs, lr=3)

    with pytest.raises(TypeError, match="len"):
        tg.fit(spoken["net"], spoken["few"], epochs=1, lr=0.1, progress=False, loss=own)


def test_an_error_inside_a_property_is_not_hidden():
    class Net(nn.Module):
        @property
        def wide(self):
            return self.missing.width

    with pytest.raises(AttributeError, match="^'Net' object has no attribute 'missing'"):
        Net().wide  # noqa: B018


def test_python_adds_no_guess_of_its_own():
    with pytest.raises(AttributeError) as caught:
        tg.ones(2).view  # noqa: B018
    assert caught.value.name == "view" and caught.value.obj is None


def test_the_table_is_read_when_a_message_needs_it():
    code = """
import tinygrad_cnn as tg
from tinygrad_cnn.autodiff import foreign
tg.nn, tg.optim, hasattr(tg.ones(2), "__array_interface__"), hasattr(tg, "_nothing")
before = foreign.table.cache_info().currsize
hasattr(tg.ones(2), "view")
print(before, foreign.table.cache_info().currsize)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]


@named
def first(x, *, kind=np.float32):
    return x


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("optim.Adm", "Did you mean Adam"), ("nn.Relu", "Did you mean ReLU?"), ("tg.Linear", "Here it is nn.Linear."),
        ("nn.relu", "Here it is tg.relu(x)."), ("x.softmax", "Here it is tg.softmax(x, axis=-1)."),
        ("x.sum(axs=1)", "Did you mean axis? It is called as x.sum(axis=None, keepdims=False)."),
        ("x.reshape(shape=(6, 4))", "Give shape without its name: x.reshape((6, 4))."),
        ("net(images, foo=1)", "Sequential: unknown parameter 'foo'. It is called as layer(x)."),
        ("optim.Adam(learning_rate=0.1)", "write optim.Adam(params, lr=0.1)"),
        ("first(1, 2)", "first: got 2 arguments without names, but takes at most 1; the others go by name."),
        ("nn.ReLU(True)", "ReLU: takes no inplace. Nothing is computed in place: leave it out. It is called as nn."),
        ("nn.Dropout(0.5, True)", "Dropout: takes no inplace."),
        ("nn.LeakyReLU(0.2, False)", "LeakyReLU: takes no inplace."),
        ("nn.ReLU(1)", "ReLU: got 1 argument without names, but takes none."),
        ("nn.LSTM(3, 4, 1, True, True)", "LSTM: got 5 arguments without names, but takes at most 4; the others go"),
        ("nn.GRU(3, 4, nonlinearity='relu')", "GRU: unknown parameter 'nonlinearity'."),
        ("first(1, 2, device='cpu')", "It is called as first(x, *, kind=np.float32)."),
        ("tg.hessian(tg.norm)", "hessian: x is missing. It is called as tg.hessian(f, x)."),
        ("nn.one_hot", "Here it is tg.one_hot("), ("tg.Dense", "write nn.Linear(64, 10)"),
        ("models.build('resnet18', (8, 8, 1), 10)", "residual networks are those for small images"),
    ],
)  # fmt: skip
def test_misspellings_are_answered_with_what_is_near(text, said, spoken):
    with pytest.raises((AttributeError, TypeError, ValueError)) as caught:
        eval(text, {**spoken, "first": first})
    assert said in str(caught.value)


def test_a_layer_answers_for_what_it_computes_and_for_what_it_lacks():
    layer = nn.spectral_norm(nn.Linear(3, 2, rng=0), rng=0)
    assert layer.weight.shape == (3, 2) and layer(np.ones((1, 3), np.float32)).shape == (1, 2)
    with pytest.raises(AttributeError, match=r"no attribute 'double'. Where PyTorch has double, write net.to"):
        layer.double()
