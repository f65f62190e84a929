"""Whole checkpoints: trees of arrays and plain values come back as they were, and anything else is refused by place."""

import enum
import math
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save_file

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.io import FileFormatError, read_metadata
from tinygrad_cnn.io.tensors import DTYPES
from tinygrad_cnn.io.trees import KEY


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(p, q) for p, q in zip(a.items(), b.items(), strict=True))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


floats = st.floats(allow_nan=True, allow_infinity=True)
plain = st.none() | st.booleans() | st.integers() | floats | st.text(max_size=5)
arrays = hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
trees = st.recursive(
    plain | arrays,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.lists(inside, max_size=3).map(tuple)
        | st.dictionaries(plain, inside, max_size=3)
        | st.dictionaries(st.text(max_size=3), inside, max_size=3)
    ),
    max_leaves=10,
)


@pytest.mark.level("thorough")
@given(tree=st.dictionaries(st.text(max_size=5).filter(lambda s: s != "__metadata__"), trees, max_size=4))
def test_any_tree_comes_back(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("any") / "a"
    tg.save(path, tree)
    back = tg.load(path)
    if all(isinstance(v, np.ndarray) for v in tree.values()):  # as ever, by name
        tree = dict(sorted(tree.items()))
    assert same(tree, back)


def test_training_goes_on_from_a_checkpoint(tmp_path):
    x, labels = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32), np.arange(8) % 2

    def start():
        model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
        return model, optim.Adam(model.parameters(), lr=0.1)

    def step(model, optimizer):
        loss = tg.softmax_cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    model, optimizer = start()
    step(model, optimizer)
    tg.save(tmp_path / "c", {"model": model, "optimizer": optimizer.state_dict(), "epoch": 3, "best": math.inf,
                             "note": "né", "history": [(0.5, None), (0.25, True)]})  # fmt: skip
    expected = [step(model, optimizer) for _ in range(3)]
    found = tg.load(tmp_path / "c")
    assert (found["epoch"], found["best"], found["note"]) == (3, math.inf, "né")
    assert found["history"] == [(0.5, None), (0.25, True)]
    other, again = start()
    other.load_state_dict(found["model"])
    again.load_state_dict(found["optimizer"])
    assert [step(other, again) for _ in range(3)] == expected


def test_other_programs_find_the_arrays_by_their_paths(tmp_path):
    tg.save(tmp_path / "a", {"model": {"0.weight": np.eye(2), "rows": [np.ones(1), 3]}, "model.0.weight": np.zeros(3)})
    assert {k: v.shape for k, v in load_file(tmp_path / "a").items()} == {
        "model.0.weight": (2, 2), "model.rows.0": (1,), "model.0.weight'": (3,),
    }  # fmt: skip
    assert tg.load(tmp_path / "a")["model.0.weight"].shape == (3,)


def test_metadata_stays_beside_a_tree(tmp_path):
    tg.save(tmp_path / "a", {"epoch": 3}, metadata={"by": "hand"})
    assert read_metadata(tmp_path / "a") == {"by": "hand"} and tg.load(tmp_path / "a") == {"epoch": 3}
    with pytest.raises(ValueError, match="use another name"):
        tg.save(tmp_path / "a", {"epoch": 3}, metadata={KEY: "{}"})


def test_dicts_of_other_kinds_come_back_as_dicts_and_tensors_as_arrays(tmp_path):
    tg.save(tmp_path / "a", {"o": OrderedDict(b=tg.Tensor([1.0]), a=np.float64(2)), "k": 1})
    back = tg.load(tmp_path / "a")
    assert type(back["o"]) is dict and list(back["o"]) == ["b", "a"]
    assert back["o"]["a"].dtype == np.float64 and back["o"]["a"].shape == ()


class Colour(enum.IntEnum):
    RED = 1


endless = {}
endless["a"] = [endless]
deep = []
for _ in range(5000):
    deep = [deep]


@pytest.mark.parametrize(
    ("tree", "kind", "words"),
    [
        ({"model": {"layers": [tg.relu]}}, TypeError, "'model.layers.0' is of type Op, which a file cannot hold"),
        ({"model": {"layers": (1, {2})}}, TypeError, "'model.layers.1' is of type set"),
        ({"a": {"b": Colour.RED}}, TypeError, "'a.b' is of type Colour"),
        ({"a": [b"bytes"]}, TypeError, "'a.0' is of type bytes"),
        ({"a": [np.array(["x"])]}, TypeError, "'a.0' has dtype <U1"),
        ({"a": {"b": {(1, 2): 3}}}, TypeError, r"'a.b' has the key \(1, 2\) of type tuple"),
        ({3: {"a": 1}}, TypeError, "names must be text, got 3"),
        (endless, ValueError, "nested more than 100 deep. Does it contain itself"),
        ({"a": deep}, ValueError, "nested more than 100 deep"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_cannot_be_stored_is_refused_by_its_place(tmp_path, tree, kind, words):
    with pytest.raises(kind, match=words):
        tg.save(tmp_path / "a", tree)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"dict": {"a": {"array": "b"}}}', '{"dict": {"a": {"array": ["a"]}}}', '{"pickle": "x"}',
     '{"dict": 3}', '{"dict": {}, "list": []}', '{"items": [[1]]}', '{"items": [[[], 1]]}', '{"float": null}',
     '{"dict": {"a": {"float": "x"}}}', "[" * 100_000, '{"tuple": 3}'],
)  # fmt: skip
def test_a_damaged_tree_is_refused(tmp_path, text):
    save_file({"a": np.ones(2)}, tmp_path / "a", metadata={KEY: text})
    with pytest.raises(FileFormatError, match="tinygrad_cnn.tree.*is damaged"):
        tg.load(tmp_path / "a")
