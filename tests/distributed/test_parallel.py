"""Several ranks train the model that one process trains: with ranks as threads, so that no MPI is needed."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.autodiff.world import world
from tinygrad_cnn.distributed import parallel, rank, run_threads, size

B = 24
TRAIN = tg.data.digits()[0]
X, Y = TRAIN.images[: 10 * B], TRAIN.labels[: 10 * B]


def net(*more):
    layers = [nn.Conv2d(1, 4, 3, rng=rank()), *more, nn.ReLU(), nn.Flatten(), nn.Linear(144, 10, rng=rank())]
    return nn.Sequential(*layers)


def trained(steps=50, more=(), make=lambda p: optim.SGD(p, lr=0.05, momentum=0.9), look=None, **settings):
    """The program of a rank: what the parameters and buffers are after some updates."""
    model = net(*(layer() for layer in more))
    model, optimizer = parallel(model, make(model.parameters()), **settings)
    for step in range(steps):
        mine = np.array_split(np.arange(step * B, (step + 1) * B) % len(X), size())[rank()]
        optimizer.zero_grad()
        tg.softmax_cross_entropy(model(X[mine]), Y[mine]).backward()
        if look is not None:
            look(model)
        optimizer.step()
    return model.state_dict()


def ranks(count, *args, **settings):
    return run_threads(count, lambda: trained(*args, **settings))


def same_bits(*states):
    return all(np.array_equal(state[name], value) for state in states for name, value in states[0].items())


def distance(a, b):
    return max(float(np.abs(a[name] - value).max()) for name, value in b.items())


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_ranks_train_the_model_of_one_process(count, overlap):
    (one,) = ranks(1)
    settings = {"overlap": overlap, "bucket_bytes": 1000}
    first, *others = ranks(count, **settings)
    assert distance(first, one) < 1e-5
    assert distance(first, net().state_dict()) > 1e-2  # it did move
    assert same_bits(first, *others)
    assert same_bits(first, *ranks(count, **settings))


def test_when_gradients_are_sent_does_not_change_them():
    assert same_bits(*ranks(3, overlap=False, bucket_bytes=500), *ranks(3, overlap=True, bucket_bytes=500))


def test_adam_and_a_clip_of_the_common_gradient():
    settings = {
        "make": lambda p: optim.Adam(p, 1e-2), "look": lambda model: optim.clip_grad_norm(model.parameters(), 0.1),
    }  # fmt: skip
    (one,), (first, second) = ranks(1, 20, **settings), ranks(2, 20, **settings)
    assert distance(first, one) < 1e-4 and same_bits(first, second)


def test_synchronous_batch_norm_is_that_of_the_whole_batch():
    (one,) = ranks(1, more=[lambda: nn.BatchNorm2d(4)])
    first, second = ranks(2, more=[lambda: nn.BatchNorm2d(4)], sync=True)
    assert distance(first, one) < 1e-5 and same_bits(first, second)
    local, other = ranks(2, more=[lambda: nn.BatchNorm2d(4)])
    assert np.array_equal(local["0.weight"], other["0.weight"])
    assert not np.array_equal(local["1.running_mean"], other["1.running_mean"])


def test_a_gradient_that_some_ranks_lack_counts_as_zero_and_one_that_all_lack_stays_none():
    def program():
        a, b, c = (nn.Parameter([1.0], name=name) for name in "abc")
        model = nn.Sequential()
        model.a, model.b, model.c = a, b, c
        model, _ = parallel(model, optim.SGD(model.parameters(), lr=1.0), overlap=True)
        loss = 2 * a if rank() else 4 * a + 6 * b
        loss.sum().backward()
        return [None if p.grad is None else p.grad.item() for p in (a, b, c)]

    assert run_threads(2, program) == [[3.0, 3.0, None]] * 2


def test_gradients_add_up_over_several_backwards_and_arrays_that_were_kept_stay():
    def program():
        model = nn.Linear(1, 1, bias=False, rng=0)
        seen = []
        model.weight.register_hook(seen.append)
        model, optimizer = parallel(model, optim.SGD(model.parameters(), lr=1.0), overlap=True)
        kept = []
        for factor in (1.0, 10.0):
            (model(np.array([[factor * (rank() + 1)]], np.float32))).sum().backward()
            kept.append(model.weight.grad.copy())
        before = [array.copy() for array in seen]
        last = model.weight.grad
        optimizer.zero_grad()
        model(np.ones((1, 1), np.float32)).sum().backward()
        assert all(map(np.array_equal, before, seen)) and last.item() == 16.5
        return [*(k.item() for k in kept), *(array.item() for array in before)]

    assert run_threads(2, program) == [[1.5, 16.5, 1.0, 10.0], [1.5, 16.5, 2.0, 20.0]]


def test_float64_and_float16_beside_float32():
    def program():
        model = nn.Sequential()
        for dtype in (np.float16, np.float32, np.float64):
            setattr(model, np.dtype(dtype).name, nn.Parameter(np.ones(3, dtype)))
        model, _ = parallel(model, optim.SGD(model.parameters(), lr=1.0))
        for parameter in model.parameters():
            (parameter * parameter * (rank() + 1.0)).sum().backward()
        return {str(p.grad.dtype): p.grad.tolist() for p in model.parameters()}

    assert run_threads(2, program) == [{f"float{bits}": [3.0] * 3 for bits in (16, 32, 64)}] * 2


def test_local_steps_differ_between_meetings_and_are_equal_after_them():
    def program(steps, local_steps):
        states = []
        trained(steps, local_steps=local_steps, look=lambda model: states.append(model.state_dict()))
        return states

    first, second = run_threads(2, program, 12, 5)
    assert [same_bits(a, b) for a, b in zip(first, second, strict=True)] == [k % 5 == 0 for k in range(12)]


def test_an_outer_update_is_that_of_the_paper():
    def program():
        model = nn.Linear(1, 1, bias=False, rng=0)
        model.weight.assign([[1.0]])
        model, optimizer = parallel(
            model, optim.SGD(model.parameters(), lr=0.5), local_steps=2, outer_lr=0.5, outer_momentum=0.5
        )
        found = []
        for _ in range(4):
            model.weight.grad = np.full((1, 1), rank() + 1.0, np.float32)
            optimizer.step()
            found.append(model.weight.item())
        return found

    # ways of 1 and 2, mean 1.5; momentum 1.5, then 2.25; each update -0.5 * (1.5 + 0.5 * momentum)
    assert run_threads(2, program) == [[0.5, -0.125, -0.625, -1.4375], [0.0, -0.125, -1.125, -1.4375]]


def test_the_outer_optimiser_goes_on_from_its_state():
    def program(stop):
        model = net()
        model, optimizer = parallel(model, optim.SGD(model.parameters(), lr=0.1), local_steps=2)
        for step in range(8):
            if step == stop:
                state, weights = optimizer.state_dict(), model.state_dict()
                model = net()
                model, optimizer = parallel(model, optim.SGD(model.parameters(), lr=0.1), local_steps=2)
                model.load_state_dict(weights)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            mine = slice(step * 20 + rank() * 10, step * 20 + rank() * 10 + 10)
            tg.softmax_cross_entropy(model(X[mine]), Y[mine]).backward()
            optimizer.step()
        return model.state_dict()

    assert same_bits(*run_threads(2, program, None), *run_threads(2, program, 4))


def test_dropout_and_draws_follow_from_the_seed_and_the_rank():
    def program():
        tg.manual_seed(3)
        model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        model, _ = parallel(model, optim.SGD(model.parameters(), lr=0.1))
        x = np.ones((4, 4), np.float32)
        return tg.randn(5).tolist(), (model(x) != 0).data.tolist(), model.state_dict()["0.weight"].tolist()

    first, second, third = run_threads(3, program)
    assert first[0] != second[0] != third[0] != first[0] and first[1] != second[1] and first[2] == second[2]
    assert [first, second, third] == run_threads(3, program)
    with tg.fork_rng():
        assert run_threads(1, program)[0] == first  # rank 0 draws what one process draws


def test_models_that_differ_are_refused_with_the_first_difference():
    def program():
        model = nn.Linear(2, 3 + rank(), rng=0)
        return parallel(model, optim.SGD(model.parameters(), lr=0.1))

    with pytest.raises(ValueError, match=r"model of rank 1 differs from that of rank 0: weight is .*\(2, 4\)"):
        run_threads(2, program)


def test_an_error_of_one_thread_ends_the_others():
    def program():
        if rank() == 1:
            raise ZeroDivisionError("one rank fails")
        return world().same(1)

    with pytest.raises(ZeroDivisionError, match="one rank fails"):
        run_threads(3, program)


def test_alone_it_is_the_training_of_before():
    def program(alike):
        model = net()
        optimizer = optim.Adam(model.parameters(), 1e-2)
        if alike:
            model, optimizer = parallel(model, optimizer)
        for _ in range(3):
            optimizer.zero_grad()
            tg.softmax_cross_entropy(model(X[:B]), Y[:B]).backward()
            optimizer.step()
        return {**model.state_dict(), **{k: np.asarray(v) for k, v in optimizer.state_dict().items()}}

    assert same_bits(program(True), program(False))


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"local_steps": 0}, "local_steps"), ({"elastic": True, "overlap": True}, "Choose"),
     ({"outer_lr": -1}, "outer_lr")],
)  # fmt: skip
def test_settings_that_cannot_be(settings, words):
    model = nn.Linear(1, 1, rng=0)
    with pytest.raises(ValueError, match=words):
        parallel(model, optim.SGD(model.parameters(), lr=0.1), **settings)


def test_one_optimizer_is_made_parallel_once():
    model = nn.Linear(1, 1, rng=0)
    model, optimizer = parallel(model, optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="parallel already"):
        parallel(model, optimizer)
    with pytest.raises(TypeError, match="optimiser"):
        parallel(model, "sgd")
