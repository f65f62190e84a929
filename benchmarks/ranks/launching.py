"""Start a program of this folder on some ranks, and read what its first rank prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
AROUND = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",  # in containers
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip


def launched(ranks: int, module: str, *options: str, timeout: float = 900, **settings: Any) -> Any:
    """Run ``python -m benchmarks.ranks.MODULE`` with settings as JSON on `ranks` ranks; the JSON of its last line."""
    command = [
        str(Path(sys.executable).with_name("mpiexec")), *options, "-n", str(ranks), "--oversubscribe", "--bind-to",
        "none", sys.executable, "-m", f"benchmarks.ranks.{module}", json.dumps(settings),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **AROUND}, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a table of Markdown."""
    names = [*rows[0]]
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
