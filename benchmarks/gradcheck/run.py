"""Runs the checkers, each in its own process, and collects what they say."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..contest import PATH, ROOT, environment
from ..sides import SIDES
from . import CHECKERS

FOLDER = Path(__file__).parents[1]

# Loads the folder of benchmarks as a package by its path, since it is not installed in the checker's interpreter.
BOOTSTRAP = PATH + """
import importlib.util
folder, name = sys.argv[2:]
file = folder + "/__init__.py"
spec = importlib.util.spec_from_file_location("benchmarks", file, submodule_search_locations=[folder])
sys.modules["benchmarks"] = importlib.util.module_from_spec(spec)
from benchmarks.gradcheck.worker import main
main(name)
"""

Trial = tuple[int, int, int]


def ask(
    name: str, python: str, cases: Sequence[int], trials: Sequence[Trial], say: Callable[[str], None]
) -> dict[str, Any]:
    """What a checker says of cases and trials, given by their numbers; or why it is absent."""
    root = ROOT if CHECKERS[name].module == "ours" else ""
    command = [python, "-c", BOOTSTRAP, root, str(FOLDER), name]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=environment(SIDES[CHECKERS[name].module], 1),
            )  # fmt: skip
        except OSError as error:
            return {"absent": f"{python} does not start: {error.strerror}"}
        assert process.stdin is not None and process.stdout is not None
        with process, process.stdin, process.stdout:
            hello = process.stdout.readline()
            if not hello:
                process.wait()
                errors.seek(0)
                lines = errors.read().decode(errors="replace").strip().splitlines()
                return {"absent": lines[-1] if lines else "its process ended"}
            process.stdin.write((json.dumps({"cases": list(cases), "trials": list(trials)}) + "\n").encode())
            process.stdin.flush()
            answers = []
            for line in process.stdout:
                answers.append(json.loads(line))
                if len(answers) % 100 == 0:
                    say(f"{name}: {len(answers)} of {len(cases) + len(trials)}")
    missing = len(cases) + len(trials) - len(answers)
    answers += [{"said": "none", "message": "its process ended"}] * missing
    return {"version": json.loads(hello)["version"], "cases": answers[: len(cases)], "trials": answers[len(cases) :]}


def run(
    pythons: dict[str, str], names: Sequence[str], cases: Sequence[int], trials: Sequence[Trial],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Everything that the tables need, ready for JSON; `pythons` by module."""
    found: dict[str, Any] = {"cases": list(cases), "trials": list(trials), "checkers": {}}
    for name in names:
        python = pythons.get(CHECKERS[name].module, sys.executable)
        found["checkers"][name] = ask(name, python, cases, trials, say)
        if "absent" in found["checkers"][name]:
            say(f"{name} is left out: {found['checkers'][name]['absent']}")
    return found
