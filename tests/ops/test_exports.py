"""Every op of the package is exported, or serves the rules of one that is."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import ops
from tinygrad_cnn.autodiff.observing import observing
from tinygrad_cnn.testing.case import Case
from tinygrad_cnn.testing.contracts import parameters_are_plain

pytestmark = pytest.mark.level("default")


# what serves no op, but fused ops in autodiff/composing.py, or the functions layer_norm, rms_norm and group_norm
SERVE = {"alias", "layer_norm_rows", "rms_norm_rows", "group_norm_channels"}


def own():
    return {name for name, op in tg.registry.items() if op.fn.__module__.startswith("tinygrad_cnn.")}


def used_by(names):
    """The ops that run in forward passes of these ops, and in their first and second derivatives."""
    seen = set()
    with observing(lambda call: seen.add(call.op.name)):
        for name in names:
            for sample in tg.registry[name].samples:
                parameters_are_plain(Case(tg.registry[name], sample, 2))
    return seen


def orphans():
    exported = own() & {*ops.__all__, *(op.name for op in vars(ops.linalg).values() if isinstance(op, tg.Op))}
    used, new = set(exported), exported
    while new := used_by(sorted(new)) - used:  # what serves a rule may itself need others in its own rules
        used |= new
    return own() - used - SERVE


def test_every_op_is_exported_or_used():
    lost = sorted(orphans())
    assert not lost, f"add to the __all__ of its file in ops/: {', '.join(lost)}"


def test_an_op_that_nobody_can_reach_is_noticed(register, monkeypatch):
    def lost(x):
        """x.  x (...) -> (...)"""
        return x

    lost.__module__ = "tinygrad_cnn.ops.shape"
    register(lost)
    assert "lost" in orphans()
