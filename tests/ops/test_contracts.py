"""Every op of the registry keeps every contract, on every sample.

What each op keeps alive for its rules is stored in kept.json; ``python tests/ops/test_contracts.py`` writes it anew.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve()
if __name__ == "__main__":  # run from any folder, and where the package is not installed
    sys.path.insert(0, str(SCRIPT.parents[2]))

import tinygrad_cnn as tg  # noqa: E402
from tinygrad_cnn.testing import ContractError, Sample, check_op  # noqa: E402
from tinygrad_cnn.testing.case import Case  # noqa: E402
from tinygrad_cnn.testing.contracts import keeps_only_named  # noqa: E402
from tinygrad_cnn.testing.plugin import PROPERTY  # noqa: E402

KEPT = SCRIPT.with_name("kept.json")
REMEDY = f'If that is meant, store it with: "{sys.executable}" "{SCRIPT}"'
OPS = sorted(name for name, op in tg.registry.items() if op.fn.__module__.startswith("tinygrad_cnn."))


def kept_by(op):
    """The names of what an op keeps alive, in order."""
    cases = [Case(op, sample, 1) for sample in op.samples]
    for case in cases:
        keeps_only_named(case)
    return sorted({name for case in cases for name in case.kept})


@pytest.mark.parametrize("name", OPS)
def test_op_keeps_its_contracts(name, record_property):
    report = check_op(tg.registry[name], orders=(1, 2), strict=True)
    record_property(PROPERTY, report.checks)
    stored = json.loads(KEPT.read_text())
    assert name in stored, f"kept.json does not say what the new op {name} keeps alive. {REMEDY}"
    assert list(report.kept) == stored[name], f"{name} keeps other arrays alive than kept.json says. {REMEDY}"


def test_stored_list_names_no_op_that_is_gone():
    gone = sorted(json.loads(KEPT.read_text()).keys() - set(OPS))
    assert not gone, f"kept.json names ops that are gone: {', '.join(gone)}. {REMEDY}"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_the_remedy_works_from_any_folder(tmp_path):
    copy = tmp_path / "tests" / "ops" / SCRIPT.name  # with a list of its own, so that the real one stays
    copy.parent.mkdir(parents=True)
    copy.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "tinygrad_cnn").symlink_to(Path(tg.__file__).parent)
    command = REMEDY.partition(": ")[2].replace(str(SCRIPT), str(copy))
    subprocess.run(command, shell=True, check=True, cwd=tmp_path.parent)
    assert copy.with_name("kept.json").read_text() == KEPT.read_text()


def test_op_without_samples_reference_or_shapes_fails(register):
    def lacking(x):
        """Doubles.  x (...) -> (...)"""
        return x * 2

    def unworded(x):
        """Doubles."""
        return x * 2

    samples = [Sample(x=(2, 3))]
    with pytest.raises(ContractError, match=r"lacking: the contract 'documented' .*\nIt has no samples"):
        check_op(register(lacking, ref=lacking))
    with pytest.raises(ContractError, match="It lacks a reference"):
        check_op(register(lacking, samples=samples), strict=True)
    with pytest.raises(ContractError, match="It lacks shapes in its docstring"):
        check_op(register(unworded, samples=samples, ref=lacking), strict=True)
    with pytest.raises(ContractError, match="no rule for input x"):
        check_op(register(lacking, samples=samples, ref=lacking))


if __name__ == "__main__":
    lists = {name: kept_by(tg.registry[name]) for name in OPS}
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(kept)}" for name, kept in lists.items())
    KEPT.write_text("{\n" + rows + "\n}\n")
    print(f"{KEPT}: {len(lists)} ops")
