"""Run every example at full size, and write what came out: docs/results.md.

    python docs/make_results.py [NAME ...]

Each example prints its result on its last line.  With names, only these are run again; the other lines of the table
stay.  What has to be downloaded is fetched first (`tinygrad-cnn fetch NAME`); the run of all of them takes about a
quarter of an hour on two cores.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

EXAMPLES = {  # what to run, beside --full where there is one
    "tensor_expressions": [], "check_my_op": [], "train_digits": [],
    "classify_fashion": ["--full"], "classify_cat": ["--full"], "detect_shapes": ["--full"], "detect_faces": [],
    "segment_cells": ["--full"], "style_transfer": ["--full"],
}  # fmt: skip
HEAD = """# Results at full size

Written by `python docs/make_results.py`, which runs each example as its line says.  The pages of the gallery show the
same examples at small settings.

| example | result | seconds | date | on |
|---|---|--:|---|---|
"""


def cpu() -> str:
    """The processor's name, without what repeats."""
    try:
        names = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        names = []
    found = names[0] if names else platform.processor() or platform.machine()
    name = re.sub(r"\((R|TM)\)| CPU|Processor|@.*", "", found)
    return f"{' '.join(name.split())}, {os.cpu_count()} cores"


def row(name: str, options: list[str]) -> str:
    """Run one example in a folder of its own; its line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, HERE.parent / "examples" / f"{name}.py", *options], cwd=folder,
            env={**os.environ, "PYTHONPATH": str(HERE.parent), "MPLBACKEND": "agg"},
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"make_results: {name} ended with exit code {done.returncode}; nothing was written.")
    last = [line for line in done.stdout.splitlines() if line.strip()][-1].strip().replace("|", "\\|")
    command = " ".join([f"{name}.py", *options])
    return f"| `{command}` | {last} | {seconds:.0f} | {datetime.date.today()} | {cpu()} |"


def main() -> None:
    page = HERE / "results.md"
    before = dict(re.findall(r"^(\| `(\w+)\.py.*)$", page.read_text(encoding="utf-8"), re.M)) if page.exists() else {}
    rows = {name: line for line, name in before.items()}
    for name in sys.argv[1:] or EXAMPLES:
        if name not in EXAMPLES:
            raise SystemExit(f"make_results: there is no example {name!r}. Known are {', '.join(EXAMPLES)}.")
        rows[name] = row(name, EXAMPLES[name])
        print(rows[name], flush=True)
        lines = [rows[known] for known in EXAMPLES if rows.get(known)]
        page.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
