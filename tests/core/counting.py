"""How often rules run: the measure of a traversal's cost that no other load on the machine can change."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps

import tinygrad_cnn as tg


@contextmanager
def rule_calls(*names: str) -> Iterator[Counter]:
    """Counts the calls of each rule of the named ops, as op.input."""
    calls: Counter = Counter()
    before = {name: dict(tg.registry[name].rules) for name in names}

    def counted(key, rule):
        @wraps(rule)
        def counting(*args, **params):
            calls[key] += 1
            return rule(*args, **params)

        return counting

    try:
        for name, rules in before.items():
            tg.registry[name].vjp(**{k: counted(f"{name}.{k}", rule) for k, rule in rules.items()})
        yield calls
    finally:
        for name, rules in before.items():
            tg.registry[name].vjp(**rules)
