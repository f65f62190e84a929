"""The checker is checked: every rule of every op, broken in ten ways, must be noticed."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing.mutate import MUTATIONS, mutated, try_mutations

pytestmark = pytest.mark.level("thorough")

OPS = sorted(name for name, op in tg.registry.items() if op.fn.__module__.startswith("tinygrad_cnn.") and op.rules)
ALWAYS = ("sign", "factor 1.01", "factor 2", "factor 12345", "zeroed", "largest entry dropped")


@pytest.mark.parametrize("name", OPS)
def test_broken_rules_are_rejected(name):
    op = tg.registry[name]
    before = dict(op.rules)
    trials = try_mutations(op)
    assert op.rules == before
    assert len(trials) == len(op.rules) * len(MUTATIONS)
    assert not [str(t) for t in trials if t.survived]
    # a mutation may leave all gradients as they are (a transposed symmetric result), but not these
    assert not [str(t) for t in trials if t.mutation in ALWAYS and not t.samples], "no sample shows this rule at work"


def test_rules_come_back_after_an_error():
    op = tg.registry["mul"]
    before = dict(op.rules)
    with pytest.raises(KeyError), mutated(op, "a", MUTATIONS["sign"]):
        assert op.rules["a"] is not before["a"]
        raise KeyError
    assert op.rules == before
