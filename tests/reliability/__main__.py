"""Try out what runs survive, and print the table of what was tried, how often, and what failed.

    python -m tests.reliability                 the quick form, as .ci/run has it
    python -m tests.reliability --full          hundreds and thousands of times; hours
    python -m tests.reliability --long          10^6 steps of a tiny network and 10^4 of a LeNet: memory and time;
                                                with --divide N an Nth of these
    python -m tests.reliability --write         put the table into docs/reliability.md too
    python -m tests.reliability --only TEXT     trials whose description has TEXT; --seed N for other random moments
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter

import tinygrad_cnn as tg
from benchmarks.machine import cpu

from .long import rows as long_rows
from .trials import TRIALS

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
MARKS = {"trials": ("<!-- trials -->", "<!-- end of trials -->"), "long": ("<!-- long -->", "<!-- end of long -->")}
SHOWN = 5  # failures of a trial that are printed


def main() -> int:
    """Try, print, write; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--divide", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    tg.set_num_threads(1)  # children that are forked compute in one thread
    when = f"{datetime.now(timezone.utc):%Y-%m-%d}, {cpu()}"
    failed = 0
    if given.long:
        name, lines = "long", [f"Measured on {when}.", "", *long_rows((10**6 // given.divide, 10**4 // given.divide))]
    else:
        form = "full" if given.full else "quick"
        name, lines = "trials", [f"The {form} form, seed {given.seed}, {when}.", ""]
        lines += ["| what happens | tried | failures | seconds |", "| --- | ---: | ---: | ---: |"]
        for trial in TRIALS:
            if given.only not in trial.words:
                continue
            began, rng = perf_counter(), random.Random(given.seed)
            with tempfile.TemporaryDirectory() as folder:
                outcomes = [*trial.run(Path(folder), trial.full if given.full else trial.quick, rng)]
            wrong = [words for words in outcomes if words]
            failed += len(wrong)
            lines.append(f"| {trial.words} | {len(outcomes):,} | {len(wrong)} | {perf_counter() - began:.0f} |")
            print(lines[-1], flush=True)
            for words in wrong[:SHOWN]:
                print(f"    {words}", file=sys.stderr)
    print("\n" + "\n".join(lines))
    if given.write:
        _write(name, lines)
    return int(failed > 0)


def _write(name: str, lines: list[str]) -> None:
    """Put lines between the marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    start, end = MARKS[name]
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{start}\n" + "\n".join(lines) + f"\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
