"""Batches from an iterable or a function: epochs, resumed runs, and what can be gone through only once."""

import itertools

import pytest

from tinygrad_cnn.data import Batches, DataLoader


def drawn(epoch):
    return iter([10 * epoch + k for k in range(4)])


def test_each_loop_is_an_epoch():
    for source in ([1, 2, 3], range(1, 4), lambda: iter([1, 2, 3])):
        stream = Batches(source)
        assert list(stream) == list(stream) == [1, 2, 3]
        assert (stream.epoch, stream.position) == (2, 0)
    stream = Batches(drawn)
    assert [list(stream) for _ in range(2)] == [[0, 1, 2, 3], [10, 11, 12, 13]]


def test_lengths():
    assert len(Batches([1, 2])) == 2 and len(Batches(drawn, 3)) == 3
    stream = Batches(drawn, length=3)
    assert [list(stream) for _ in range(2)] == [[0, 1, 2], [10, 11, 12]]
    with pytest.raises(TypeError, match="the function has no length; give length="):
        len(Batches(drawn))
    with pytest.raises(ValueError, match="the function ended after 4 batches of epoch 0; length=5"):
        list(Batches(drawn, 5))
    with pytest.raises(ValueError, match="the list gave no batches in epoch 0"):
        list(Batches([]))
    assert repr(Batches([1, 2])) == "<Batches of a list: 2 an epoch>"
    assert repr(Batches(drawn)) == "<Batches of a function: ? an epoch>"


def test_a_generator_is_gone_through_once():
    stream = Batches(k for k in range(3))
    assert list(stream) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"a generator can be gone through only once, and epoch 1 .*lambda"):
        list(stream)
    endless = Batches(itertools.count(), 3)
    assert [list(endless) for _ in range(2)] == [[0, 1, 2], [3, 4, 5]]
    short = Batches((k for k in range(4)), 3)
    list(short)
    with pytest.raises(ValueError, match="the generator ended after 1 batches of epoch 1"):
        list(short)


@pytest.mark.parametrize("make", [lambda: drawn, itertools.count], ids=["function", "endless"])
@pytest.mark.parametrize("stop", [0, 1, 3])
def test_a_resumed_run_sees_what_it_would_have_seen(make, stop):
    whole = Batches(make(), 3)
    expected = [list(whole) for _ in range(3)]
    broken = Batches(make(), 3)
    list(broken)
    seen = list(itertools.islice(broken, stop)) if stop else []
    resumed = Batches(make(), 3)
    resumed.load_state_dict(broken.state_dict())
    assert seen + list(resumed) == expected[1] and list(resumed) == expected[2]
    assert resumed.state_dict() == whole.state_dict()


def test_a_loop_left_early_has_used_up_its_epoch():
    stream = Batches(drawn)
    next(iter(stream))
    assert list(stream) == [10, 11, 12, 13]


def test_an_endless_source_cannot_go_back():
    stream = Batches(itertools.count(), 3)
    list(stream)
    stream.load_state_dict({"epoch": 0, "position": 1})
    with pytest.raises(ValueError, match="only once"):
        list(stream)


@pytest.mark.parametrize("source", ["abc", {"x": 1}, 3, None])
def test_bad_sources(source):
    with pytest.raises(TypeError, match="Batches: source must be an iterable of batches or a function, got"):
        Batches(source)


def test_bad_states_and_functions():
    with pytest.raises(ValueError, match="the state lacks position"):
        Batches([1]).load_state_dict({"epoch": 0})
    with pytest.raises(ValueError, match="position 4, an epoch has 3"):
        Batches(drawn, 3).load_state_dict({"epoch": 0, "position": 4})
    with pytest.raises(TypeError, match="must return an iterable of batches, got int"):
        list(Batches(lambda: 3))
    with pytest.raises(TypeError, match=r"needs len and indexing, which generator lacks.*data.Batches"):
        DataLoader(k for k in range(3))
