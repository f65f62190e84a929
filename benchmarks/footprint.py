"""What a side costs before it has computed anything: import time and size on disk."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from .contest import PATH, environment, root_of
from .sides import SIDES

# Importing NumPy first leaves what the side adds to it.
IMPORT = PATH + """
import time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
__import__(sys.argv[2])
print(middle - start, time.perf_counter() - middle)
"""

SIZE = PATH + """
import importlib.util, json, os
def size(name):
    spec = importlib.util.find_spec(name)
    return sum(os.path.getsize(os.path.join(folder, file)) for top in spec.submodule_search_locations
               for folder, _, files in os.walk(top) if not folder.endswith("__pycache__") for file in files)
print(json.dumps({name: size(name) for name in sys.argv[2:]}))
"""


def measure(names: list[str], pythons: dict[str, str], rounds: int) -> dict[str, dict[str, Any]]:
    """For each side: seconds to import NumPy and what it adds, in turn, and the bytes of its packages and NumPy's."""
    found: dict[str, dict[str, Any]] = {name: {"numpy": [], "own": []} for name in names}
    for k in range(rounds + 1):
        for name in names:
            words = _run(name, pythons, IMPORT, lambda e: [e.folders[0]])
            if words is None:
                found[name] = {"absent": "it cannot be imported"}
            elif k:  # the first one reads from the disk
                numpy, own = words.split()
                found[name]["numpy"].append(float(numpy))
                found[name]["own"].append(float(own))
    for name, entry in found.items():
        if "absent" in entry:
            continue
        sizes = json.loads(_run(name, pythons, SIZE, lambda e: ["numpy", *e.folders]) or "{}")
        found[name] = {
            "import_numpy": statistics.median(entry["numpy"]),
            "import": statistics.median(entry["own"]),
            "bytes_numpy": sizes.pop("numpy", 0),
            "bytes": sum(sizes.values()),
        }
    return found


def _run(name: str, pythons: dict[str, str], code: str, arguments: Any) -> str | None:
    entry = SIDES[name]
    command = [pythons.get(name, sys.executable), "-c", code, root_of(entry), *arguments(entry)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment(entry, 1), timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
