"""The compiled core and the one in Python do the same: a program run under each prints the same, to the byte."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_cnn.core import compiled

pytestmark = [
    pytest.mark.level("default"),
    pytest.mark.skipif(compiled.core is None, reason=f"no compiled core: {compiled.reason}"),
]


def output_of(core: str, program: Path, *args: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(program), *args], capture_output=True, text=True, timeout=300,
        env={**os.environ, "TINYGRAD_CNN_CORE": core, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("part", ["samples", "graphs", "calls"])
def test_both_print_the_same(part):
    program = Path(__file__).with_name("transcript.py")
    ours, spec = (output_of(core, program, part) for core in ("c", "python"))
    assert len(spec) > 30
    different = [f"C:      {a}\nPython: {b}" for a, b in zip(ours, spec, strict=False) if a != b]
    assert not different, "\n".join(different[:10])
    assert len(ours) == len(spec)


def test_a_functional_and_a_layered_net_are_recorded_in_c():
    program = Path(__file__).with_name("slow_calls.py")
    assert output_of("c", program)[-1] == "slow: "
