"""The reader says what ran: of results, modules, functions and exceptions, and leaves all as it was."""

import re

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autodiff.failures import Failure
from tinygrad_cnn.autodiff.reader import graph_of


def ones(*shape):
    return np.ones(shape, np.float32)


def tensor(*shape, name=None):
    return tg.Tensor(ones(*shape), requires_grad=True, name=name)


def names(graph):
    return [graph.names[node] for node in graph.order]


def error_of(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


def check_order(graph):
    """Each node once, after its inputs."""
    place = {node: k for k, node in enumerate(graph.order)}
    assert len(place) == len(graph.order)
    assert all(place[edge] < place[node] for node in graph.order for edge in node.inputs if edge is not None)
    assert graph.names.keys() == set(graph.order) and graph.values.keys() <= set(graph.order)


# -- results --------------------------------------------------------------------------------------------------


def test_a_tensor():
    x = tensor(2, name="x")
    with tg.scope("head"):
        y = tg.exp(x) * 2 + ones(2)
    graph = graph_of(y)
    check_order(graph)
    assert names(graph) == ["x", "exp (head)", "mul (head)", "array", "add (head)"]
    assert graph.outputs == [("output", y)] and graph.failure is None and not graph.inputs and not graph.modules
    assert graph.values[y.node] is not None and np.array_equal(graph.values[y.node], y.data)
    (exp,) = [node for node in graph.order if node.op is tg.exp]
    assert np.array_equal(graph.values[exp], np.exp(ones(2)))  # exp keeps its result


def test_what_was_released_is_not_known():
    y = tg.exp(tensor(2)).sum()
    y.backward()
    graph = graph_of(y)
    assert [node.op.name for node in graph.values] == ["sum"]


def test_several_outputs_in_lists_and_dicts():
    x = tensor(2, name="x")
    a, b, c = tg.exp(x), tg.sin(x), tg.cos(x)
    graph = graph_of({"first": a, "rest": [b, c]})
    check_order(graph)
    assert names(graph) == ["x", "exp", "sin", "cos"]
    assert [label for label, _ in graph.outputs] == ["output first", "output rest 0", "output rest 1"]
    assert graph_of([]).order == []


def test_nothing_was_recorded():
    with tg.no_grad():
        y = tg.exp(tensor(2))
    graph = graph_of(y)
    assert graph.order == [y.node] and names(graph) == ["array"] and np.array_equal(graph.values[y.node], y.data)
    x = tg.Tensor(ones(2))
    assert names(graph_of(x)) == ["tensor"]


def test_a_long_chain_is_read_without_recursion():
    y = x = tensor(1)
    for _ in range(20_000):
        y = y + x
    assert len(graph_of(y).order) == 20_001


def test_ops_of_any_number_of_inputs_after_fixed_ones():
    x, rows = tensor(3, 2, name="x"), np.array([0, 2])
    y = tg.exp(x)[rows, rows - 1]
    graph = graph_of(y)
    check_order(graph)
    assert names(graph) == ["x", "exp", "array", "array", "getitem"]
    assert np.array_equal(graph.values[graph.order[2]], rows)
    graph = failed(error_of(lambda: tg.exp(x)[rows + 7]))
    assert names(graph)[:2] == ["x", "exp"] and names(graph)[-1] == "getitem"


def test_checkpoints_keep_their_arguments():
    x = tensor(2, name="x")
    graph = graph_of(tg.checkpoint(lambda x: tg.exp(tg.sin(x)), tg.tanh(x)))
    assert names(graph) == ["x", "tanh", "checkpoint"]
    assert np.allclose(graph.values[graph.order[1]], np.tanh(ones(2)))


# -- modules and functions ------------------------------------------------------------------------------------


def network():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5, rng=1), nn.Flatten(),
        nn.Linear(32, 3, rng=2),
    )  # fmt: skip


def test_a_module_is_run_and_left_as_it_was():
    net = network()
    net[3].eval()
    before, draws = net.state_dict(), net[3].rng.bit_generator.state
    graph = graph_of(net, ones(2, 6, 6, 1))
    check_order(graph)
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())
    assert net[3].rng.bit_generator.state == draws
    assert [module.training for module in net] == [True, True, True, False, True, True]
    assert all(p.grad is None for p in net.parameters())
    assert set(graph.paths.values()) == before.keys() and set(graph.modules) == {"", *"012345"}
    assert [name for name in names(graph) if "(" in name][-1] == "linear (5)"
    assert {"x", "0.weight", "5.bias"} <= set(names(graph))
    assert list(graph.inputs.values()) == ["x"] and graph.outputs[0][1].shape == (2, 3)
    for node, leaf in graph.leaves.items():
        assert node not in graph.values or np.array_equal(graph.values[node], leaf.data)


def test_seeded_draws_are_put_back():
    layer = nn.Dropout(0.5, rng=0)
    before = layer.rng.bit_generator.state
    first, second = graph_of(layer, ones(4, 4)), graph_of(layer, ones(4, 4))
    assert layer.rng.bit_generator.state == before
    assert np.array_equal(first.outputs[0][1].data, second.outputs[0][1].data)


def test_a_module_is_read_under_its_own_paths_and_recorded_whatever_the_mode():
    class Outer(nn.Module):
        def __init__(self):
            self.inner = nn.Sequential(nn.Tanh())

        def forward(self, x):
            graphs.append(graph_of(self.inner, ones(2)))
            return x

    graphs = []
    with tg.no_grad():
        Outer()(ones(2))
    assert names(graphs[0]) == ["x", "tanh (0)"]


def test_a_function_with_several_arguments():
    w = tensor(3, 2, name="w")

    def double(x, times, bias=None):
        return x @ w * times + bias

    graph = graph_of(double, ones(1, 3), 2, bias=tensor(2))
    check_order(graph)
    assert names(graph) == ["x", "w", "matmul", "mul", "bias", "add"]
    assert not graph.modules and not graph.paths
    assert names(graph_of(tg.relu, tg.Tensor(ones(2), name="given"))) == ["given", "relu"]
    assert names(graph_of(lambda: tg.exp(w))) == ["w", "exp"]


def test_integers_and_tensors_that_require_a_gradient_are_passed_as_they_are():
    x, labels = tensor(2, 3), np.array([0, 2])
    graph = graph_of(tg.softmax_cross_entropy, x, labels)
    assert x.node in graph.inputs and labels.dtype.kind == "i"


def test_what_is_no_subject_is_refused():
    with pytest.raises(TypeError, match="^graph_of: expected a Tensor, several of them, .* got 3"):
        graph_of(3)
    with pytest.raises(TypeError, match=r"^tell: expected a Tensor, .* got \(2,\) float32"):
        graph_of(lambda x: x.data, ones(2), caller="tell")
    for more in ({"inputs": [ones(1)]}, {"named": {"x": ones(1)}}):
        with pytest.raises(TypeError, match="only a module or function takes example inputs"):
            graph_of(tensor(2), *more.get("inputs", ()), **more.get("named", {}))
    with pytest.raises(ValueError, match="^graph_of: no op was running when this KeyError was raised"):
        graph_of(KeyError("never raised"))


# -- exceptions -----------------------------------------------------------------------------------------------


def failed(error):
    graph = graph_of(error)
    check_order(graph)
    assert isinstance(graph.failure, Failure) and graph.order[-1] is graph.failure and not graph.outputs
    return graph


def test_a_failure_on_the_way_forward():
    x, w = tensor(3, 4, name="x"), tensor(5, 2, name="w")
    graph = failed(error_of(lambda: tg.sin(x) @ w + 1))
    assert names(graph) == ["x", "sin", "w", "matmul"]
    assert graph.failure.message.startswith("ValueError: matmul: ") and graph.failure.tensors[1] is w
    assert np.array_equal(graph.values[w.node], w.data)


def test_a_failure_in_a_module_knows_its_path_and_leaves():
    class Bad(nn.Module):
        def forward(self, x):
            with tg.scope("mixing"):
                return x @ tg.Tensor(ones(7, 7))

    model = nn.Sequential(nn.Sequential(nn.Linear(3, 4, rng=0)), Bad())
    graph = failed(error_of(lambda: model(ones(1, 3))))
    assert graph.failure.path == "1.mixing" and graph.names[graph.failure] == "matmul (1.mixing)"
    assert "0.0.weight" in names(graph) and graph.modules["0.0"] is model[0][0] and graph.modules[""] is model


@pytest.mark.parametrize(
    ("call", "behind"),
    [
        (lambda x: tg.conv2d(x), ["exp"]),
        (lambda x: tg.conv2d(x=x, padding=1), ["exp"]),
        (lambda x: tg.conv2d(x, x, 2, 3, 4, 5, 6, 7, 8, 9), ["exp"]),
        (lambda x: tg.relu(x, colour=1), ["exp"]),
        (lambda x: tg.sum(x, axis=tg.Tensor(1)), ["exp"]),
        (lambda x: tg.matmul(x, "text"), ["exp"]),
        (lambda x: tg.concatenate([x, x[0]]), ["exp", "getitem"]),
        (lambda x: tg.concatenate([x, x], colour=1), ["exp"]),
    ],
)
def test_a_failure_in_binding(call, behind):
    x = tensor(1, 4, 4, 1, name="x")
    graph = failed(error_of(lambda: call(tg.exp(x))))
    assert names(graph)[: 1 + len(behind)] == ["x", *behind]
    assert graph.order[1] in graph.failure.inputs


def test_a_failure_has_the_parameters_that_a_node_would_have():
    rng = np.random.default_rng(0)
    graph = failed(error_of(lambda: tg.dropout(tg.exp(tensor(2, name="x")), 3.0, rng=rng)))
    assert names(graph) == ["x", "exp", "dropout"]
    assert graph.failure.params["rate"] == 3.0 and "rng" not in graph.failure.params


def test_a_failure_in_a_layer_before_any_op():
    model = nn.Sequential({"body": nn.Sequential(nn.Tanh(), nn.Flatten()), "head": nn.Linear(4, 2, rng=0)})
    graph = failed(error_of(lambda: model(tensor(1, 3, name="x"))))
    assert names(graph) == ["x", "tanh (body.0)", "flatten (body.1)", "Linear (head)"]
    assert graph.modules["head"] is model.head
    error = error_of(lambda: model(x=tensor(1, 3, name="x"), colour=1))  # refused by Python itself
    assert names(failed(error)) == ["x", "Sequential"]


@pytest.fixture
def bad_rule():
    @tg.op(name="reader_test_bad_rule")
    def bad(x):
        return x * 1

    yield bad
    tg.registry.pop("reader_test_bad_rule")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda g: 1 / 0, "ZeroDivisionError"),
        (lambda g: g[:1], r"returned \(1,\) float32, expected \(2,\) float32"),
        (lambda g: None, "returned NoneType"),
        (lambda g: tg.matmul(g, ones(5)), "matmul"),
    ],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_failure_on_the_way_back(bad_rule, rule, words, create_graph):
    bad_rule.vjp(x=rule)
    x = tensor(2, name="x")
    y = tg.exp(bad_rule(tg.sin(x))).sum()
    graph = failed(error_of(lambda: tg.grad(y, x, create_graph=create_graph)))
    assert names(graph) == ["x", "sin", "reader_test_bad_rule"]
    assert re.match(f"in its gradient. .*{words}", graph.failure.message) and graph.failure.site is not None


def test_failures_of_the_engine_itself_on_the_way_back():
    x = tensor(2, name="x")
    hidden = tg.exp(x)
    loss = (hidden * hidden).sum()
    loss.backward()
    graph = failed(error_of(loss.backward))
    assert names(graph) == ["x", "exp", "mul"] and "released" in graph.failure.message
    y = (x * x).sum()
    x.assign(ones(2))
    assert failed(error_of(y.backward)).failure.op is tg.registry["mul"]


def test_a_hook_that_raises_on_the_way_back():
    x = tensor(2, name="x")
    hidden = tg.exp(x)
    hidden.register_hook(lambda g: 1 / 0)
    assert failed(error_of(hidden.sum().backward)).failure.op is tg.exp
    x = tensor(2, name="x")
    x.register_hook(lambda g: 1 / 0)
    assert names(failed(error_of(tg.exp(x).sum().backward))) == ["x", "gradient of x"]


def test_an_observer_that_raises_on_the_way_back():
    x = tensor(1, name="x")
    with np.errstate(all="ignore"):
        y = tg.log(x - 1)
    with tg.anomaly():
        assert names(failed(error_of(y.backward)))[-1] == "log"


def test_a_checkpoint_names_the_op_inside(bad_rule):
    bad_rule.vjp(x=lambda g: 1 / 0)
    y = tg.checkpoint(lambda x: bad_rule(tg.sin(x)), tensor(2)).sum()
    assert failed(error_of(y.backward)).failure.op is bad_rule


def test_an_exception_that_cannot_be_given_attributes(bad_rule):
    class Frozen(Exception):
        __slots__ = ()

        def __setattr__(self, name, value):
            raise AttributeError("this class refuses attributes")

    class Hidden(Exception):
        __dict__ = property(lambda self: 1 / 0)

    def refuse(kind):
        def rule(g):
            raise kind("as it was")

        return rule

    bad_rule.vjp(x=refuse(Frozen))
    y = bad_rule(tg.sin(tensor(2))).sum()
    assert failed(error_of(lambda: y.backward(retain_graph=True))).failure.op is bad_rule
    bad_rule.vjp(x=refuse(Hidden))
    y = bad_rule(tg.sin(tensor(2))).sum()
    with pytest.raises(Hidden, match="as it was") as caught:
        y.backward()
    with pytest.raises(ValueError, match="no op was running when this Hidden"):
        graph_of(caught.value)


class TestChains:
    def test_the_cause_says_which_op_failed_and_the_rest_which_module_ran(self):
        class Wordy(nn.Module):
            def __init__(self):
                self.inner = nn.Lambda(lambda x: x @ ones(5, 5))

            def forward(self, x):
                try:
                    return self.inner(x)
                except ValueError as error:
                    raise RuntimeError("the layer did not fit") from error

        model = nn.Sequential(Wordy())
        graph = failed(error_of(lambda: model(tensor(2, 3, name="x"))))
        assert names(graph) == ["x", "array", "matmul (0.inner)"] and graph.modules[""] is model
        assert graph.failure.message == "RuntimeError: the layer did not fit"

    def test_an_error_that_was_dealt_with_is_not_to_blame(self):
        class Careful(nn.Module):
            def forward(self, x):
                try:
                    return x @ ones(5)
                except ValueError:
                    raise RuntimeError("neither works")  # with a context, but no cause

        graph = failed(error_of(lambda: nn.Sequential(Careful())(tensor(3, name="x"))))
        assert names(graph) == ["x", "Careful (0)"]

    def test_without_a_note_of_its_own_the_context_counts(self):
        def load():
            try:
                tensor(3) @ ones(5)
            except ValueError:
                raise RuntimeError("the third batch is bad")  # with a context, but no cause

        assert failed(error_of(load)).failure.op is tg.matmul

    def test_a_circle_ends(self):
        first, second = ValueError("a"), ValueError("b")
        first.__cause__, second.__cause__ = second, first
        with pytest.raises(ValueError, match="no op was running"):
            graph_of(first)


def test_no_traceback_is_needed():
    error = error_of(lambda: tg.exp(tensor(2, name="x")) @ ones(3))
    error.__traceback__ = error.__cause__ = error.__context__ = None
    assert names(failed(error)) == ["x", "exp", "array", "matmul"]
