"""What an optimiser saves goes back to the parameter it belongs to, or is refused."""

import numpy as np
import pytest

from tinygrad_cnn import Tensor, nn, optim


def pair(names="ab"):
    return [nn.Parameter(np.ones(3, np.float32), name=name) for name in names]


def stepped(params, **settings):
    sgd = optim.SGD(params, lr=1.0, momentum=0.5, **settings)
    for k, p in enumerate(p for group in sgd.param_groups for p in group["params"]):
        p.grad = np.full(3, 10.0**k, np.float32)
    sgd.step()
    return sgd


def momentum(sgd, p):
    return sgd.state[p]["momentum_buffer"].tolist()


def test_state_goes_to_the_parameter_of_the_same_name():
    saved = stepped(pair()).state_dict()
    b, a = pair("ba")
    sgd = optim.SGD([b, a], lr=0.1, momentum=0.5)
    sgd.load_state_dict(saved)
    assert (momentum(sgd, a), momentum(sgd, b)) == ([1, 1, 1], [10, 10, 10])
    assert sgd.state_dict()["names.0"] == "b"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("saved", "own"), [("ab", ["net.a", "net.b"]), (["net.a", "net.b"], "ab")])
def test_parameters_of_a_model_that_became_part_of_another_are_the_same(saved, own, order):
    state = stepped(pair(saved)).state_dict()
    a, b = pair(own)
    sgd = optim.SGD([a, b][::order], lr=0.1, momentum=0.5)
    sgd.load_state_dict(state)
    assert (momentum(sgd, a), momentum(sgd, b)) == ([1, 1, 1], [10, 10, 10])


def test_a_name_that_ends_another_keeps_its_own_state():
    state = stepped(pair(["a.w", "w"])).state_dict()
    w, aw = pair(["w", "a.w"])
    sgd = optim.SGD([w, aw], lr=0.1, momentum=0.5)
    sgd.load_state_dict(state)
    assert (momentum(sgd, aw), momentum(sgd, w)) == ([1, 1, 1], [10, 10, 10])
    with pytest.raises(ValueError, match="the parameters of group 0 differ: a.w, b.w, v, w on one side only"):
        optim.SGD(pair(["b.w", "v"]), lr=0.1).load_state_dict(state)


def test_a_model_names_its_parameters():
    net = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Linear(3, 1, rng=0))
    assert optim.Adam(net.parameters()).state_dict()["names.2"] == "1.weight"


@pytest.mark.parametrize("names", ["aa", [None, "a"]])
def test_without_names_the_position_counts(names):
    saved = stepped(pair(names)).state_dict()
    assert "names.0" not in saved
    a, b = pair()
    sgd = optim.SGD([a, b], lr=0.1, momentum=0.5)
    sgd.load_state_dict(saved)
    assert (momentum(sgd, a), momentum(sgd, b)) == ([1, 1, 1], [10, 10, 10])


def test_a_file_from_before_there_were_names_is_matched_by_position():
    saved = {k: v for k, v in stepped(pair()).state_dict().items() if not k.startswith("names")}
    sgd = optim.SGD(pair("xy"), lr=0.1, momentum=0.5)
    sgd.load_state_dict(saved)
    assert sgd.state_dict()["state.1.momentum_buffer"].tolist() == [10, 10, 10]


def test_other_parameters_are_refused():
    saved = stepped(pair()).state_dict()
    with pytest.raises(ValueError, match="the parameters of group 0 differ: b, c on one side only"):
        optim.SGD(pair("ac"), lr=0.1).load_state_dict(saved)
    a, b = pair()
    with pytest.raises(ValueError, match="the parameters of group 0 differ: a, b on one side only"):
        optim.SGD([{"params": [b]}, {"params": [a]}], lr=0.1).load_state_dict(
            stepped([{"params": [p]} for p in pair()]).state_dict()
        )
    del saved["names.1"]
    with pytest.raises(ValueError, match="the names are incomplete: names.1"):
        optim.SGD(pair(), lr=0.1).load_state_dict(saved)


@pytest.mark.parametrize("kind", [set, frozenset])
def test_a_set_of_parameters_is_refused(kind):
    with pytest.raises(TypeError, match=f"SGD: parameters in a {kind.__name__} have no order. Pass a list"):
        optim.SGD(kind(pair()), lr=0.1)
    with pytest.raises(TypeError, match="have no order"):
        optim.SGD([{"params": kind(pair())}], lr=0.1)


def test_a_group_that_is_added_after_a_schedule_follows_it():
    a, b = pair()
    sgd = optim.SGD([a], lr=1.0)
    schedule = optim.StepLR(sgd, 1, gamma=0.5)
    schedule.step()
    sgd.add_param_group({"params": [b], "lr": 8.0})
    assert schedule.lrs == [0.5, 8.0]
    schedule.step()
    assert schedule.lrs == [0.25, 2.0]
    assert schedule.state_dict() == {"t": 2, "base_lrs.0": 1.0, "base_lrs.1": 8.0}
    again = optim.StepLR(optim.SGD([{"params": [p]} for p in pair()], lr=3.0), 1, gamma=0.5)
    again.load_state_dict(schedule.state_dict())
    assert again.lrs == [0.25, 2.0]


def check_mode(who, name, value):
    if value not in ("slow", "fast", None):
        raise ValueError(f"{who}: {name}={value!r} must be slow or fast.")
    return value


class Free(optim.Optimizer):
    """Settings of any type, and a state of any shape without a start."""

    checks = {"mode": check_mode}

    def __init__(self, params, **settings):
        super().__init__(params, **{"lr": 0.5, "mode": None, "sizes": (1, None, "x"), "flag": True, **settings})

    def change(self, parameter, gradient, state, settings):
        after = {
            "grid": np.full((2, 5), 7), "count": state.get("count", 0) + 1, "word": "w", "nothing": None,
            "bits": gradient > 0,
        }  # fmt: skip
        return gradient * -settings["lr"], after


def test_settings_of_any_type_and_a_state_of_any_shape():
    def made(**settings):
        (p,) = params = [nn.Parameter(np.ones(3, np.float32), name="p")]
        return p, Free(params, **settings)

    p, free = made(mode="fast", sizes=[2, None, "y"], flag=False)
    p.grad = np.ones(3, np.float32)
    free.step()
    q, other = made()
    other.load_state_dict(free.state_dict())
    assert other.param_groups[0]["sizes"] == (2, None, "y")
    assert (other.param_groups[0]["mode"], other.param_groups[0]["flag"]) == ("fast", False)
    slot = other.state[q]
    assert (slot["grid"].shape, slot["grid"].dtype, slot["bits"].dtype) == ((2, 5), np.dtype(int), np.dtype(bool))
    assert (slot["count"], slot["word"], slot["nothing"]) == (1, "w", None)
    with pytest.raises(ValueError, match="Free: mode='best' must be slow or fast"):
        made(mode="best")
    with pytest.raises(ValueError, match="Free: mode='best'"):
        other.param_groups[0]["mode"] = "best"
    with pytest.raises(ValueError, match="Free: other=nan must be a finite number"):
        made(other=float("nan"))


def test_a_delta_of_another_shape_is_refused_and_nothing_moves():
    class Narrow(Free):
        def change(self, parameter, gradient, state, settings):
            return gradient[:1], {"count": 1}

    (p,) = params = [nn.Parameter(np.ones(3, np.float32))]
    narrow = Narrow(params)
    p.grad = np.ones(3, np.float32)
    with pytest.raises(ValueError, match=r"Narrow.change: returned a delta of shape \(1,\) for \(3,\)"):
        narrow.step()
    assert p.data.tolist() == [1, 1, 1]
    assert narrow.state[p] == {}


@pytest.mark.parametrize(("before", "after"), [({}, {"momentum": 0.9}), ({"momentum": 0.9}, {"momentum": 0.0})])
def test_momentum_turned_on_or_off_between_steps_can_be_resumed(before, after):
    def made():
        (p,) = params = [nn.Parameter(np.ones(3, np.float32), name="p")]
        return p, optim.SGD(params, lr=0.1, **before)

    def step(p, sgd):
        p.grad = np.arange(3, dtype=np.float32)
        sgd.step()

    p, sgd = made()
    step(p, sgd)
    sgd.param_groups[0]["momentum"] = after["momentum"]
    step(p, sgd)
    q, again = made()
    q.assign(p.data)
    again.load_state_dict(sgd.state_dict())
    step(p, sgd)
    step(q, again)
    assert np.array_equal(p.data, q.data)


def test_a_file_from_before_maximize_loads():
    w = Tensor(np.ones(2), requires_grad=True, name="w")
    old = {k: v for k, v in optim.Adam([w]).state_dict().items() if not k.endswith("maximize")}
    now = optim.Adam([w], lr=0.5)
    now.load_state_dict(old)
    assert (now.param_groups[0]["lr"], now.param_groups[0]["maximize"]) == (0.001, False)
