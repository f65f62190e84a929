"""`fit`, `evaluate` and run folders on several ranks, which are threads here."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.distributed import parallel, rank, run_threads, size

DIGITS, TEST = tg.data.digits()
TRAIN = tg.data.ArrayDataset(DIGITS.images[:132], DIGITS.labels[:132])


def net(*more):
    layers = [nn.Conv2d(1, 4, 3, rng=0), *more, nn.ReLU(), nn.Flatten(), nn.Linear(144, 10, rng=0)]
    return nn.Sequential(*layers)


def trained(epochs=2, more=(), make=lambda p: optim.SGD(p, lr=0.1, momentum=0.9), batch=24, shared=None, **options):
    """What `fit` made of the network, and its history."""
    model = net(*(layer() for layer in more))
    model, optimizer = parallel(model, make(model.parameters()), **(shared or {}))
    options = {"validation": (TEST.images[:101], TEST.labels[:101]), "seed": 1, "progress": False, **options}
    history = tg.fit(model, TRAIN, batch_size=batch // size(), epochs=epochs, optimizer=optimizer, **options)
    return model.state_dict(), history


def ranks(count, *args, **settings):
    return run_threads(count, lambda: trained(*args, **settings))


def same_bits(*states):
    return all(np.array_equal(state[name], value) for state in states for name, value in states[0].items())


def distance(a, b):
    return max(float(np.abs(a[name] - value).max()) for name, value in b.items())


def numbers(history):
    return {name: history[name] for name in history.names if name != "seconds"}


@pytest.mark.parametrize("settings", [{}, {"accumulate": 2}, {"loss": nn.CrossEntropyLoss(weight=np.arange(1.0, 11))}])
def test_fit_trains_the_model_of_one_process_and_sums_its_metrics(settings):
    options = {"epochs": 1, "batch": 22, "metrics": ["accuracy", "f1", "top5"], **settings}  # 132 are 6 batches
    ((one, history),) = ranks(1, **options)
    (first, own), (second, other) = ranks(2, **options)
    assert distance(first, one) < 1e-5 and same_bits(first, second)
    assert numbers(own) == numbers(other)
    for name, column in numbers(history).items():
        np.testing.assert_allclose(own[name], column, rtol=1e-5, err_msg=name)


def test_alone_it_has_the_bits_of_before():
    model = net()
    tg.fit(model, TRAIN, batch_size=24, epochs=2, optimizer=optim.SGD(model.parameters(), lr=0.1, momentum=0.9), seed=1,
           progress=False)  # fmt: skip
    assert same_bits(trained()[0], model.state_dict())


@pytest.mark.parametrize("shared", [{}, {"overlap": True}, {"local_steps": 3}])
def test_a_compiled_step_is_the_same_training(shared):
    settings = {"epochs": 3, "batch": 22, "shared": shared}
    plain, compiled = ranks(2, **settings), ranks(2, compile=True, **settings)
    assert distance(compiled[0][0], plain[0][0]) < 1e-5
    assert same_bits(compiled[0][0], compiled[1][0])


def test_synchronous_batch_norm_is_not_compiled():
    with pytest.raises(ValueError, match="sync=True"):
        ranks(2, more=[norm], shared={"sync": True}, compile=True)


def test_a_compiled_function_runs_as_it_is_on_several_ranks():
    def program(change):
        model = net()
        model, optimizer = parallel(model, optim.SGD(model.parameters(), lr=0.1))

        def step(x, y):
            optimizer.zero_grad()
            tg.softmax_cross_entropy(model(x), y).backward()
            optimizer.step()

        step = change(step)
        for k in range(rank() * 10, 100, 20):
            step(TRAIN.images[k : k + 10], TRAIN.labels[k : k + 10])
        return model.state_dict()

    assert same_bits(*run_threads(2, program, tg.compile), *run_threads(2, program, lambda step: step))


def test_only_the_first_rank_prints_and_writes(tmp_path, capsys):
    def program():
        run = tg.Run.create(tmp_path / "run", {"note": "of three"})
        return trained(1, progress=True, run=run)[1]

    run_threads(3, program)
    assert capsys.readouterr().out.count("epoch 1/1") == 1
    assert (tmp_path / "run" / "model.safetensors").is_file()
    runs = run_threads(2, lambda: tg.Run.numbered(tmp_path, "many").path)
    assert runs == [tmp_path / "many-1"] * 2


def drops():
    return nn.Dropout(0.2, rng=0)


def norm():
    return nn.BatchNorm2d(4)


@pytest.mark.parametrize("shared", [{}, {"local_steps": 4}])
def test_a_run_goes_on_with_the_same_bits(tmp_path, shared):
    options = {
        "more": [drops, norm], "make": lambda p: optim.Adam(p, 1e-2), "shared": shared,
        "schedule": lambda o, _: optim.StepLR(o, 3),
    }  # fmt: skip
    whole = ranks(2, 4, **options)

    def program(epochs, make):
        return trained(epochs, run=make(tmp_path / "run"), **options)

    run_threads(2, program, 2, tg.Run.create)
    resumed = run_threads(2, program, 4, tg.Run.open)
    for (state, history), (expected, before) in zip(resumed, whole, strict=True):
        assert same_bits(state, expected) and numbers(history) == numbers(before)


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2), (4, 2)])
def test_a_run_goes_on_with_another_number_of_ranks(tmp_path, first, then):
    ((expected, history),) = ranks(1, 4)

    def program(epochs, make):
        return trained(epochs, run=make(tmp_path / "run"))

    run_threads(first, program, 2, tg.Run.create)
    with pytest.warns(UserWarning, match=f"with ranks {first}, now {then}"):
        resumed = run_threads(then, program, 4, tg.Run.open)
    for state, found in resumed:
        assert distance(state, expected) < 1e-4
        np.testing.assert_allclose(found["loss"], history["loss"], rtol=1e-3)


def test_all_stop_when_one_wishes_to():
    class Stop(tg.train.Callback):
        def on_step(self, training):
            if rank() == 1 and training.step == 4:
                training.stop("enough")

    (first, own), (second, other) = ranks(2, 5, callbacks=[Stop()])
    assert same_bits(first, second)
    assert own.stopped == other.stopped == "enough" and len(own) == len(other) == 0


def test_early_stop_is_the_same_everywhere():
    states = ranks(3, 6, callbacks=[tg.train.EarlyStop(1, min_delta=9.0)])
    assert same_bits(*(state for state, _ in states))
    assert [(history.stopped, len(history)) for _, history in states] == [("early stop", 2)] * 3


def test_running_averages_are_means_after_each_epoch():
    (first, _), (second, _) = ranks(2, 1, more=[norm])
    assert same_bits(first, second)


def test_evaluate_on_shares_is_that_of_the_whole_set():
    model = net()
    metrics = {"accuracy": "accuracy", "median": lambda y, t: float(np.median(y)), "f1": "f1"}
    data = tg.data.ArrayDataset(TEST.images[:59], TEST.labels[:59])
    whole = tg.evaluate(model, data, metrics=metrics)

    def program(shard):
        return tg.evaluate(model, tg.data.DataLoader(data, 7, shard=shard), metrics=metrics)

    for found in [*run_threads(4, program, True), *run_threads(2, program, False)]:
        assert found == pytest.approx(whole, rel=1e-6)
    found = run_threads(2, lambda: rank() or tg.evaluate(model, data, metrics=metrics))  # one rank may do so alone
    assert found[0] == whole


def test_shares_for_an_optimizer_that_is_not_parallel_are_refused():
    def program():
        model = net()
        tg.fit(model, tg.data.DataLoader(TRAIN, 8), optimizer=optim.SGD(model.parameters(), lr=0.1), progress=False)

    with pytest.raises(ValueError, match="each of 2 ranks its share"):
        run_threads(2, program)
