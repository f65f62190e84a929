"""Results on disk: one file for a class of machine and a day, to which runs add their cases."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tinygrad_cnn.io import atomic_write

from .run import FORMAT

FOLDER = Path(__file__).parent / "results"
DIGITS = 6  # of a number in a file

Results = dict[str, Any]


def path_of(results: Results, folder: Path = FOLDER) -> Path:
    """Where the results of this day and class of machine are kept, such as results/2026-11-29-amd-epyc-avx2.json."""
    day = results["runs"][0]["date"].split()[0]
    words = re.sub(r"[^a-z0-9]+", "-", results["machine"]["class"].lower()).strip("-")
    return folder / f"{day}-{words}.json"


def read(path: Path) -> Results:
    """The results in a file.

    Raises
    ------
    ValueError : it holds something else, or what an older version wrote.
    """
    try:
        results: Results = json.loads(path.read_text(encoding="utf-8"))
        known = results.get("format")
    except (ValueError, AttributeError, UnicodeDecodeError):
        known = None
    if known != FORMAT:
        raise ValueError(f"bench: {path} does not hold results that this version writes (format {FORMAT}).")
    return results


def read_all(paths: tuple[Path, ...]) -> list[Results]:
    """The results in files and folders, the newest first."""
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    return sorted((read(file) for file in files), key=lambda results: str(results["runs"][-1]["date"]), reverse=True)


def write(results: Results, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "w") as file:
        file.write(json.dumps(_short(results), indent=1) + "\n")


def add(results: Results, path: Path) -> Results:
    """Write `results` into a file beside what it has; a case that was measured before is replaced.

    Raises
    ------
    ValueError : the file belongs to another machine, or its sides to other versions.
    """
    together = merge(read(path), results) if path.exists() else results
    write(together, path)
    return together


def merge(old: Results, new: Results) -> Results:
    """What both hold; where both have a case, the new one."""
    for key in sorted({*old["machine"], *new["machine"]} - {"peak", "bandwidth"}):
        before, after = (results["machine"].get(key) for results in (old, new))
        if before != after:
            raise ValueError(f"bench: the file's machine has {key} {before}, this one {after}: give it another file.")
    sides = dict(old["sides"])
    for name, side in new["sides"].items():
        before = sides.get(name, {})
        if "version" in before and "version" in side and before["version"] != side["version"]:
            raise ValueError(
                f"bench: {name} is {before['version']} in the file, {side['version']} here: give it another file."
            )
        sides[name] = before if "absent" in side and "version" in before else side
    cases = {(case["suite"], case["name"]): case for case in [*old["cases"], *new["cases"]]}
    return {
        **old, **new, "machine": {**old["machine"], **new["machine"]}, "sides": sides,
        "cases": list(cases.values()), "runs": [*old["runs"], *new["runs"]],
    }  # fmt: skip


def _short(value: Any) -> Any:
    """Numbers with `DIGITS` digits, which are more than a time has."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list) else value
