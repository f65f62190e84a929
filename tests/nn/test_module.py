"""Module: what it finds, what it calls itself, what it loads."""

import copy
import gc

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.core.modes import current


class Block(nn.Module):
    def __init__(self, rng=None):
        self.conv = nn.Conv2d(2, 2, 3, padding=1, rng=rng)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x):
        return tg.relu(self.norm(self.conv(x)))


class Net(nn.Module):
    def __init__(self, rng=0):
        rng = np.random.default_rng(rng)
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, rng=rng), Block(rng))
        self.scale = nn.Parameter(np.ones(2, np.float32))
        self.head = nn.Linear(2, 3, rng=rng)

    def forward(self, x):
        return self.head(tg.global_avg_pool2d(self.features(x) * self.scale))


def images(n=2, channels=1):
    return np.random.default_rng(1).normal(size=(n, 4, 4, channels)).astype(np.float32)


def paths(y):
    """The path of every op that made y, the deepest first."""
    seen, stack = [], [y.node]
    while stack:
        node = stack.pop()
        if node is not None and node.op is not None and (node.op.name, node.path) not in seen:
            seen.append((node.op.name, node.path))
            stack += node.inputs
    return seen


NAMES = [
    "scale", "features.0.weight", "features.0.bias", "features.1.conv.weight", "features.1.conv.bias",
    "features.1.norm.weight", "features.1.norm.bias", "head.weight", "head.bias",
]  # fmt: skip


def test_parameters_buffers_modules_are_found_in_order_with_their_paths():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_buffers()] == ["features.1.norm.running_mean", "features.1.norm.running_var"]
    assert [name for name, _ in net.named_modules()] == [
        "", "features", "features.0", "features.1", "features.1.conv", "features.1.norm", "head",
    ]  # fmt: skip
    assert list(net.children()) == [net.features, net.head]
    assert net.num_parameters() == 20 + 38 + 4 + 2 + 9
    assert [name for name, _ in net.features.named_parameters("student")][:1] == ["student.0.weight"]


def test_nodes_carry_the_path_that_the_state_dict_has():
    net = Net()
    found = paths(net(images()))
    assert ("conv2d", "features.0") in found
    assert ("conv2d", "features.1.conv") in found
    assert ("relu", "features.1") in found
    assert ("linear", "head") in found
    assert ("global_avg_pool2d", "") in found
    assert current().path == ""


def test_a_part_called_alone_is_its_own_root_and_a_scope_goes_before():
    net = Net()
    assert ("conv2d", "0") in paths(net.features(images()))
    assert ("conv2d", "") in paths(net.features[0](images()))
    with tg.scope("student"):
        assert ("conv2d", "student.features.0") in paths(net(images()))


def test_the_path_follows_when_the_tree_changes():
    net = nn.Sequential(nn.Linear(3, 3))
    net(np.ones((1, 3), np.float32))
    net.append(nn.Linear(3, 3))
    del net[0]
    assert ("linear", "0") in paths(net(np.ones((1, 3), np.float32)))
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]


def test_an_exception_leaves_no_path_behind():
    net = Net()
    with pytest.raises(ValueError, match=r"conv2d \(features.0\)"):
        net(images(channels=3))
    assert current().path == ""
    assert ("linear", "head") in paths(net(images()))


def test_a_module_kept_out_of_registration_runs_under_its_callers_path():
    class Hidden(nn.Module):
        def __init__(self):
            self._parts = [nn.Sequential(nn.Linear(2, 2))]

        def forward(self, x):
            return self._parts[0](x)

    net = nn.Sequential(Hidden())
    assert ("linear", "0.0") in paths(net(np.ones((1, 2), np.float32)))
    assert list(net.parameters()) == []


def test_a_checkpoint_repeats_a_module_under_its_path_and_moves_no_statistics():
    class Thrifty(Net):
        def forward(self, x):
            return self.head(tg.global_avg_pool2d(tg.checkpoint(self.features[1], self.features[0](x))))

    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(current().path)
            return x

    net, plain = Thrifty(), Net()
    net.features[1].spy = Spy()
    net.features[1].forward = lambda x: tg.relu(net.features[1].norm(net.features[1].spy(net.features[1].conv(x))))
    for model in (net, plain):
        model(images()).sum().backward()
    assert seen == ["features.1.spy", "features.1.spy"]
    for a, b in zip(net.buffers(), plain.buffers(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_allclose(net.features[0].weight.grad, plain.features[0].weight.grad, rtol=1e-5)


def drawn_modules(net):
    return [module["path"] for module in tg.draw(net, images()).scene.to_json()["modules"]]


def test_drawing_a_model_leaves_no_trace_and_finds_none():
    net = Net()
    wrapper = nn.Sequential(nn.Sequential(net))
    before = [sorted(vars(module)) for module in net.modules()]
    alone = drawn_modules(net)
    wrapper(images())
    assert drawn_modules(wrapper) == ["0", "0.0", *(f"0.0.{path}" for path in alone)]
    with tg.scope("elsewhere"):
        assert drawn_modules(net) == alone
    read_off = {"_mapped", "_steps"}  # of the tree of modules, whoever calls it
    assert [sorted({*vars(module)} - read_off) for module in net.modules()] == before
    assert (current().path, current().prefix, dict(current().below)) == ("", "", {})


def test_a_checkpoint_is_repeated_where_it_was_recorded_though_the_model_was_called_elsewhere_since():
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(current().path)
            return x * 2

    class Thrifty(nn.Module):
        def __init__(self):
            self.spy = Spy()

        def forward(self, x):
            return tg.checkpoint(lambda x: self.spy(x), x)

    net, x = Thrifty(), tg.ones((2,), requires_grad=True)
    y = net(x)
    nn.Sequential(net)(x)
    y.sum().backward()
    assert seen == ["spy", "0.spy", "spy"]


def test_parameters_are_named_by_their_path_unless_the_user_named_them():
    net = Net()
    net.extra = nn.Parameter(np.ones(2), name="mine")
    net(images())
    assert [p.name for p in net.parameters()] == ["scale", "mine", *NAMES[1:]]
    net.head(np.ones((1, 2), np.float32))
    assert net.head.weight.name == "head.weight"  # a part called alone does not shorten it


def test_a_shared_module_counts_once_gets_both_gradients_and_has_the_first_name():
    layer = nn.Linear(3, 3, bias=False, rng=0)
    net = nn.Sequential({"a": layer, "b": layer})
    assert net.num_parameters() == 9
    assert list(net.state_dict()) == ["a.weight"]
    x = np.ones((1, 3), np.float32)
    y = net(x)
    assert {path for _, path in paths(y)} == {"a"}
    y.sum().backward()
    w = layer.weight.data
    np.testing.assert_allclose(layer.weight.grad, np.outer(x[0], w.sum(1)) + np.outer(x[0] @ w, np.ones(3)), rtol=1e-5)


def test_a_shared_parameter_counts_once():
    a, b = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1)
    b.weight = a.weight
    net = nn.Sequential(a, b)
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.bias"]
    assert net.num_parameters() == 8


def test_a_module_that_contains_itself_is_listed_once():
    net = nn.Sequential(nn.ReLU())
    net.again = net
    assert len(list(net.modules())) == 2


def test_init_of_the_base_class_may_be_left_out_and_deleting_forgets():
    net = Net()
    del net.scale
    assert "scale" not in net.state_dict()
    del net.features[1].norm.running_mean
    assert "features.1.norm.running_mean" not in net.state_dict()


def test_train_and_eval_reach_everything():
    net = Net()
    assert net.training
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_zero_grad_freezing_and_apply():
    net = Net()
    net(images()).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.features.requires_grad_(False)
    net(images()).sum().backward()
    assert net.features[0].weight.grad is None
    assert net.head.weight.grad is not None
    order = []
    net.apply(lambda m: order.append(type(m).__name__))
    assert order[-1] == "Net"
    assert order.index("Block") > order.index("BatchNorm2d")


def test_to_converts_in_place_and_keeps_identity_names_and_freezing():
    net = Net()
    net(images())
    before = list(net.parameters())
    net.scale.requires_grad = False
    assert net.to(np.float64) is net
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert {v.dtype for v in net.state_dict().values()} == {np.dtype(np.float64)}
    assert net.head.weight.name == "head.weight"
    assert not net.scale.requires_grad
    assert net(images().astype(np.float64)).dtype == np.float64
    with pytest.raises(TypeError, match="carries no gradient"):
        net.to(np.int32)
    with pytest.raises(TypeError, match="'cuda' is not a dtype, .* CPU: leave devices out"):
        net.to("cuda")


def test_integer_buffers_stay_integers():
    net = nn.Identity()
    net.register_buffer("count", np.array(3))
    assert net.to(np.float64).count.dtype == np.int64
    net.count = np.array(4)  # assigning keeps it a buffer
    assert isinstance(net.count, tg.Tensor)
    assert net.state_dict() == {"count": 4}


def test_a_deep_copy_shares_nothing():
    net = Net()
    net(images())
    twin = copy.deepcopy(net)
    twin.head.weight.assign(np.zeros((2, 3), np.float32))
    assert net.head.weight.data.any()
    assert ("linear", "head") in paths(twin(images()))


def test_dropping_a_network_leaves_nothing_for_the_collector():
    gc.collect()
    gc.disable()
    try:
        net = Net()
        net(images()).sum().backward()
        del net
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_repr_is_nested():
    assert repr(Net()) == (
        "Net(\n"
        "  (features): Sequential(\n"
        "    (0): Conv2d(1, 2, window=(3, 3), padding=1)\n"
        "    (1): Block(\n"
        "      (conv): Conv2d(2, 2, window=(3, 3), padding=1)\n"
        "      (norm): BatchNorm2d(2)\n"
        "    )\n"
        "  )\n"
        "  (head): Linear(2, 3)\n"
        ")"
    )


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty: has no forward"):
        Empty()(1)


@pytest.mark.parametrize("name", ["parameters", "forward", "training"])
def test_names_that_would_hide_a_method(name):
    with pytest.raises(ValueError, match=f"would hide Module.{name}"):
        setattr(nn.Identity(), name, nn.ReLU())


def test_names_with_dots_and_lists_of_modules_are_refused():
    net = nn.Identity()
    with pytest.raises(ValueError, match="has no dot"):
        setattr(net, "a.b", nn.ReLU())
    with pytest.raises(TypeError, match="Use nn.ModuleList"):
        net.layers = [nn.ReLU()]
    with pytest.raises(TypeError, match="Use nn.ModuleList"):
        net.layers = {"a": nn.Parameter(np.ones(1))}
    net.sizes = [1, 2]
    net._layers = [nn.ReLU()]


def test_tensors_that_would_silently_not_be_trained_are_refused():
    layer = nn.Linear(2, 2, rng=0)
    with pytest.raises(TypeError, match=r"Linear.weight is a parameter; a ndarray cannot take its place.*assign"):
        layer.weight = np.ones((2, 2))
    with pytest.raises(TypeError, match="would not be found by parameters"):
        layer.slope = tg.ones(2, requires_grad=True)
    layer.constant = tg.ones(2)
    layer._slope = tg.ones(2, requires_grad=True)
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]


class TestStateDict:
    def test_round_trip(self):
        a, b = Net(0), Net(1)
        report = b.load_state_dict(a.state_dict())
        assert report == ([], [])
        np.testing.assert_array_equal(a.eval()(images()).data, b.eval()(images()).data)

    def test_it_is_a_copy(self):
        net = Net()
        values = net.state_dict()
        values["head.weight"] += 1
        assert not np.array_equal(values["head.weight"], net.head.weight.data)

    def test_differences_are_listed_and_nothing_is_loaded(self):
        net = Net()
        before = net.state_dict()
        values = {k: v + 1 for k, v in before.items()}
        values["features.1.conv.weight"] = values["features.1.conv.weight"][:2]
        values["head.bias"] = values["head.bias"].astype(np.float64)
        values["head.wieght"] = values.pop("head.weight")
        with pytest.raises(ValueError, match="do not fit Net; nothing was loaded") as caught:
            net.load_state_dict(values)
        lines = str(caught.value).splitlines()
        assert [" ".join(line.split()) for line in lines[1:-1]] == [
            "missing head.weight expects (2, 3) float32",
            "unexpected head.wieght got (2, 3) float32",
            "shape features.1.conv.weight expects (3, 3, 2, 2) float32, got (2, 3, 2, 2) float32",
            "dtype head.bias expects (3,) float32, got (3,) float64",
        ]
        for name, value in net.state_dict().items():
            np.testing.assert_array_equal(value, before[name])

    def test_not_strict_passes_over_names_and_converts_dtypes_but_not_shapes(self):
        net = Net()
        report = net.load_state_dict({"head.bias": np.ones(3), "other": np.ones(3)}, strict=False)
        assert report.unexpected == ["other"]
        assert "head.weight" in report.missing
        assert net.head.bias.data.tolist() == [1, 1, 1]
        assert net.head.bias.dtype == np.float32
        with pytest.raises(ValueError, match="shape"):
            net.load_state_dict({"head.bias": np.ones(4)}, strict=False)
        with pytest.raises(ValueError, match="dtype"):
            net.load_state_dict({"head.bias": np.ones(3, np.complex64)}, strict=False)

    def test_tensors_are_accepted_and_other_things_are_not(self):
        net = nn.Linear(1, 1, rng=0)
        net.load_state_dict({"weight": tg.Tensor([[2.0]]), "bias": tg.Tensor([3.0])})
        assert net(np.ones((1, 1), np.float32)).item() == 5
        with pytest.raises(TypeError, match="needs a dict of arrays"):
            net.load_state_dict([1])

    def test_a_gradient_in_flight_notices_the_load(self):
        net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1))
        y = net(np.ones((1, 2), np.float32)).sum()
        net.load_state_dict(net.state_dict())
        with pytest.raises(tg.GraphError, match=r"1\.weight"):
            y.backward()
