"""Models as they predict: their modes, and their outputs in batches."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.insight.evaluation import evaluating, kept_modes, outputs_for


def network():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Dropout(0.5, rng=0), nn.Linear(4, 2, rng=1))
    model[0].training = False  # a layer that its user froze
    return model


def modes(model):
    return [module.training for module in model.modules()]


@pytest.mark.parametrize("error", [None, ValueError])
def test_each_layer_returns_to_its_own_mode(error):
    model = network()
    try:
        with evaluating(model):
            assert modes(model) == [False] * 4
            model.train()
            if error is not None:
                raise error
    except ValueError:
        pass
    assert modes(model) == [True, False, True, True]


def test_modes_can_be_kept_without_a_change():
    model = network()
    with kept_modes(model):
        assert modes(model) == [True, False, True, True]
        model.eval()
    assert modes(model) == [True, False, True, True]


def test_recording_is_left_as_it_is():
    model = network()
    with evaluating(model):
        assert model(np.ones((1, 3), np.float32)).requires_grad


def test_a_function_has_no_modes():
    with evaluating(lambda x: x), kept_modes(lambda x: x):
        pass


@pytest.mark.parametrize("count", [0, 1, 5, 6])
def test_batches_give_what_the_whole_gives(count):
    model, sizes = network(), []
    x = np.random.default_rng(0).standard_normal((count, 3)).astype(np.float32)

    def noted(batch):
        sizes.append(len(batch))
        return model(batch)

    with evaluating(model):
        found = outputs_for(noted, x, 3)
        expected = model(x).data
    assert type(found) is np.ndarray and found.shape == (count, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert sizes == {0: [0], 1: [1], 5: [3, 2], 6: [3, 3]}[count]


def test_outputs_are_computed_in_evaluation_mode_and_not_recorded():
    model = network()
    recorded = []
    model[2].register_forward_hook(lambda module, args, y: recorded.append(y.requires_grad))
    x = np.ones((4, 3), np.float32)
    assert np.array_equal(outputs_for(model, x, 2), outputs_for(model, x, 2))  # without dropout's draws
    assert recorded == [False] * 4 and modes(model) == [True, False, True, True]


def test_outputs_of_a_function_of_arrays():
    assert outputs_for(lambda x: x.sum(axis=1), np.ones((3, 2)), 2).tolist() == [2, 2, 2]
    assert tg.predict(lambda x: np.array([row.sum() for row in x]), np.ones((3, 2)), batch_size=2).tolist() == [2, 2, 2]
