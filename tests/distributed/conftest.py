"""Programs of several processes: each is started by the mpiexec that stands beside Python, and ends by itself."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

MPIEXEC = Path(sys.executable).with_name("mpiexec")
AROUND = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OPENBLAS_NUM_THREADS": "1"}
TIMEOUT = 90  # seconds after which a program that hangs has failed


@pytest.fixture
def mpiexec(tmp_path):
    """A function that runs a program on some ranks, in a folder of the test's; it returns the finished process."""

    def run(count, program, *args, options=(), **environment):
        if sys.platform == "win32":
            pytest.skip("there is no Open MPI for Windows")
        file = tmp_path / "program.py"
        file.write_text(textwrap.dedent(program), encoding="utf-8")
        command = [MPIEXEC, *options, "-n", str(count), "--oversubscribe", "--bind-to", "none", sys.executable, file]
        return subprocess.run(
            [*map(str, command), *map(str, args)], capture_output=True, text=True, timeout=TIMEOUT, cwd=tmp_path,
            env={**os.environ, **AROUND, **environment}, errors="replace",
        )  # fmt: skip

    return run
