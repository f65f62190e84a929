"""`one_site` saves walks through the frames and changes no site."""

import threading

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff.outside import one_site
from tinygrad_cnn.core.site import line_of
from tinygrad_cnn.core.tensor import Tensor


def site_of(make):
    y = make()
    return line_of(y.node.site)


def double():
    return Tensor(np.ones(2), requires_grad=True) * 2


def test_a_users_function_keeps_its_own_site_inside():
    plain = site_of(double)
    with one_site():
        assert site_of(double) == plain
        assert site_of(lambda: tg.relu(double())).rsplit(":", 1)[0] == plain.rsplit(":", 1)[0]


def test_it_ends_with_the_block_and_after_an_error():
    before = site_of(double)
    with pytest.raises(KeyError), one_site():
        raise KeyError
    assert site_of(double) == before


def test_other_threads_walk_on_their_own():
    found = []
    with one_site():
        thread = threading.Thread(target=lambda: found.append(site_of(double)))
        thread.start()
        thread.join()
    assert found == [site_of(double)]


def test_sites_inside_fit_are_those_of_the_loss_and_of_the_call_of_fit():
    model, sites = tg.nn.Linear(3, 1, rng=0), []

    def loss(y, target):
        sites.append(line_of(y.node.site))
        value = tg.mse_loss(y, target)
        sites.append(line_of(value.node.site))
        return value

    first = loss.__code__.co_firstlineno
    tg.fit(model, (np.ones((4, 3)), np.ones((4, 1))), loss=loss, epochs=1, progress=False)
    assert sites == [f"{__file__}:{first + 7}", f"{__file__}:{first + 2}"]
