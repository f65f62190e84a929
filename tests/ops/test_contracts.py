"""Every op of the registry keeps every contract, on every sample.

What each op keeps alive for its rules is stored in kept.json; ``python tests/ops/test_contracts.py`` writes it anew.
"""

import json
from pathlib import Path

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.testing import ContractError, Sample, check_op
from tinygrad_cnn.testing.plugin import PROPERTY

KEPT = Path(__file__).with_name("kept.json")
OPS = sorted(name for name, op in tg.registry.items() if op.fn.__module__.startswith("tinygrad_cnn."))


@pytest.mark.parametrize("name", OPS)
def test_op_keeps_its_contracts(name, record_property):
    report = check_op(tg.registry[name], orders=(1, 2))
    record_property(PROPERTY, report.checks)
    stored = json.loads(KEPT.read_text())
    assert name in stored, f"{name} is new: python {Path(__file__).name} stores what it keeps alive."
    assert list(report.kept) == stored[name], f"{name} keeps other arrays alive than tests/ops/kept.json says."


def test_stored_list_names_no_op_that_is_gone():
    assert sorted(json.loads(KEPT.read_text())) == OPS


def test_op_without_samples_reference_or_shapes_fails(register):
    def lacking(x):
        """Doubles.  x (...) -> (...)"""
        return x * 2

    def unworded(x):
        """Doubles."""
        return x * 2

    samples = [Sample(x=(2, 3))]
    with pytest.raises(ContractError, match=r"lacking: the contract 'documented' .*\nit has no samples"):
        check_op(register(lacking, ref=lacking))
    with pytest.raises(ContractError, match="it has no reference"):
        check_op(register(lacking, samples=samples))
    with pytest.raises(ContractError, match="its docstring gives no shapes"):
        check_op(register(unworded, samples=samples, ref=lacking))
    with pytest.raises(ContractError, match="no rule for input x"):
        check_op(register(lacking, samples=samples, ref=lacking))


if __name__ == "__main__":
    lists = {name: list(check_op(tg.registry[name]).kept) for name in OPS}
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(kept)}" for name, kept in lists.items())
    KEPT.write_text("{\n" + rows + "\n}\n")
    print(f"{KEPT}: {len(lists)} ops")
