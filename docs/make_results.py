"""Run every example at full size, and write what came out: docs/results.md.

    python docs/make_results.py [NAME ...]

With names, only these are run again; the other lines of the table stay.  Photographs and weights must be there
(`tinygrad-cnn fetch` lists and brings them); all of it takes about a quarter of an hour on two cores.
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

EXAMPLES = {  # the options of each, and how the line begins that says its result
    "tensor_expressions": ([], "accuracy"),
    "train_digits": ([], "accuracy"),
    "classify_fashion": (["--full"], "accuracy"),
    "classify_cat": ([], "a house cat"),
    "detect_shapes": (["--full"], "mAP"),
    "detect_faces": ([], "astronaut"),
    "segment_cells": (["--full"], "mIoU"),
    "style_transfer": (["--full"], "1/"),
}
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


def row(name: str) -> str:
    """Run one example in a folder of its own; its line of the table."""
    options, start = EXAMPLES[name]
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
    found = [line.strip() for line in done.stdout.splitlines() if line.strip().startswith(start)]
    if not found:
        raise SystemExit(f"make_results: {name} printed no line that starts with {start!r}; nothing was written.")
    result = found[-1].replace("|", "\\|")
    command = " ".join([f"{name}.py", *options])
    return f"| `{command}` | {result} | {seconds:.0f} | {datetime.date.today()} | {cpu()} |"


def main() -> None:
    page = HERE / "results.md"
    before = dict(re.findall(r"^(\| `(\w+)\.py.*)$", page.read_text(encoding="utf-8"), re.M)) if page.exists() else {}
    rows = {name: line for line, name in before.items()}
    for name in sys.argv[1:] or EXAMPLES:
        if name not in EXAMPLES:
            raise SystemExit(f"make_results: there is no example {name!r}. Known are {', '.join(EXAMPLES)}.")
        rows[name] = row(name)
        print(rows[name], flush=True)
        lines = [rows[known] for known in EXAMPLES if rows.get(known)]
        page.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
