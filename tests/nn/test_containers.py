"""Modules and parameters in rows, lists and dicts: as lists and dicts, and the mistakes made with them."""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn


def test_sequential_is_a_list_of_layers():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Identity()
    net = nn.Sequential(a, b, c)
    assert len(net) == 3
    assert list(net) == [a, b, c]
    assert net[0] is a
    assert net[-1] is c
    with pytest.raises(IndexError, match="no layer 3; there are 3"):
        net[3]
    with pytest.raises(TypeError, match="numbered by ints"):
        net["first"]


def test_a_slice_has_the_same_layers_under_the_same_names():
    net = nn.Sequential(*(nn.Linear(2, 2, rng=k) for k in range(4)))
    part = net[1:3]
    assert isinstance(part, nn.Sequential)
    assert [name for name, _ in part.named_children()] == ["1", "2"]
    assert part[0] is net[1]
    part.append(nn.ReLU())
    assert len(part) == 3


def test_layers_with_names():
    first = nn.ReLU()
    for mapping in ({"first": first, "second": nn.Tanh()}, OrderedDict(first=first, second=nn.Tanh())):
        net = nn.Sequential(mapping)
        assert net.first is first
        assert [name for name, _ in net.named_children()] == ["first", "second"]


def test_changing_the_list():
    a, b, c, d = nn.ReLU(), nn.Tanh(), nn.Identity(), nn.Sigmoid()
    net = nn.Sequential(a)
    assert net.append(b).extend([c]) is net
    net.insert(1, d)
    assert list(net) == [a, d, b, c]
    del net[0]
    assert [name for name, _ in net.named_children()] == ["0", "1", "2"]
    net[0] = a
    assert list(net) == [a, b, c]


def test_it_runs_in_order_and_an_empty_one_is_the_identity():
    net = nn.Sequential(nn.Lambda(lambda x: x + 1), nn.Lambda(lambda x: x * 2))
    assert net(np.array(3.0)) == 8
    assert nn.Sequential()(5) == 5


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.ReLU], r"layer 0 is the class ReLU; write ReLU\(\.\.\.\)"),
        ([nn.ReLU(), tg.relu], r"layer 1 must be a Module, got Op. Wrap a function as nn.Lambda"),
        ([nn.ReLU(), 3], "layer 1 must be a Module, got int"),
        ([[nn.ReLU()]], r"unpack it: Sequential\(\*layers\)"),
        ([{"a": None}], "layer 'a' must be a Module, got NoneType"),
    ],
)
def test_what_is_no_layer(layers, message):
    with pytest.raises(TypeError, match=message):
        nn.Sequential(*layers)


def test_module_list_and_dict_are_found_by_their_owner():
    class Net(nn.Module):
        def __init__(self):
            self.rows = nn.ModuleList([nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1)])
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 1, rng=2)})

    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "rows.0.weight", "rows.0.bias", "rows.1.weight", "rows.1.bias", "heads.a.weight", "heads.a.bias",
    ]  # fmt: skip
    assert isinstance(net.rows[:1], nn.ModuleList)
    heads = net.heads
    assert "a" in heads
    assert list(heads) == heads.keys() == ["a"]
    assert heads.values() == [heads["a"]]
    assert heads.items() == [("a", heads.a)]
    heads["b"] = nn.ReLU()
    del heads["a"]
    assert len(heads) == 1
    with pytest.raises(KeyError, match="no module 'a'; there are b"):
        heads["a"]
    with pytest.raises(KeyError, match="no module 'c'"):
        del heads["c"]
    with pytest.raises(ValueError, match=r"would hide ModuleDict.keys"):
        heads["keys"] = nn.ReLU()
    with pytest.raises(TypeError, match="needs a Module under a str"):
        heads[1] = nn.ReLU()
    with pytest.raises(NotImplementedError, match="no forward"):
        net.rows(1)


class Mixture(nn.Module):
    def __init__(self):
        self.rows = nn.ParameterList([np.ones((3, 2), np.float32), tg.Tensor(np.zeros((3, 2), np.float32))])
        self.scales = nn.ParameterDict({"left": np.ones(2, np.float32), "right": nn.Parameter([1.0, 2.0])})

    def forward(self, x):
        y = x @ self.rows[0] + x @ self.rows[1]
        return y * self.scales["left"] + self.scales["right"]


def test_lists_and_dicts_of_parameters_are_found_by_their_owner():
    net = Mixture()
    names = ["rows.0", "rows.1", "scales.left", "scales.right"]
    assert [name for name, _ in net.named_parameters()] == list(net.state_dict()) == names
    net(np.ones((4, 3), np.float32)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert net.rows[1].name == "rows.1"
    other = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    other.load_state_dict({name: value + 1 for name, value in net.state_dict().items()})
    assert (other.rows[0].data == 2).all() and (net.rows[0].data == 1).all()
    assert "rows.0" in tg.draw(net, np.ones((4, 3), np.float32)).source
    assert tg.summary(net, (3,)).total_parameters == 16
    y = tg.functional_call(net, {"scales.right": np.zeros(2, np.float32)}, np.zeros((1, 3), np.float32))
    assert not y.data.any()


def test_lists_of_parameters_are_lists():
    rows = nn.ParameterList([np.ones(2, np.float32)])
    rows.append(np.zeros(3, np.float32)).insert(0, nn.Parameter([5.0]))
    assert [p.shape for p in rows] == [(1,), (2,), (3,)] and len(rows) == 3
    assert isinstance(rows[1:], nn.ParameterList) and rows[1:][0] is rows[1]
    del rows[0]
    rows[0] = np.full(2, 7, np.float32)
    assert repr(rows) == "ParameterList(0: (2,), 1: (3,))" and rows[0].data[0] == 7
    with pytest.raises(IndexError, match="ParameterList: no parameter 5; there are 2"):
        rows[5]
    with pytest.raises(TypeError, match="parameter 2 must be a Parameter or an array, got ReLU"):
        rows.append(nn.ReLU())


def test_dicts_of_parameters_are_dicts():
    scales = nn.ParameterDict({"a": np.ones(2, np.float32)})
    scales.update({"b": np.ones(1, np.float32)})
    assert list(scales) == ["a", "b"] and "b" in scales and scales.items()[1][0] == "b"
    del scales["a"]
    with pytest.raises(KeyError, match="ParameterDict: no parameter 'a'; there are b"):
        scales["a"]
    with pytest.raises(ValueError, match="would hide ParameterDict.keys"):
        scales["keys"] = np.ones(1)
