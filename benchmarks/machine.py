"""The machine that the figures belong to: what it is, and what it can do at best."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .contest import Absent, Worker

COPY = 128 << 20  # bytes, far more than any cache


SETS = {  # the kernel's name of what a processor can do -> the name that people know
    "avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX-512 bf16", "amx_tile": "AMX", "amx_bf16": "AMX bf16",
    "asimd": "NEON", "sve": "SVE",
}  # fmt: skip
FAMILIES = ("AMD EPYC", "AMD Ryzen", "Intel Xeon", "Intel Core", "Apple")
MALLOC = ("GLIBC_TUNABLES", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES")  # and all that begin with MALLOC_


def _cpuinfo() -> dict[str, str]:
    """What Linux says of the first core; elsewhere nothing."""
    found: dict[str, str] = {}
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition(":")
                if not value:
                    break
                found[name.strip()] = value.strip()
    except OSError:
        pass
    return found


def cpu() -> str:
    """The processor's name, as the operating system gives it."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def instruction_sets(info: dict[str, str]) -> list[str]:
    """Those of `SETS` that the processor has."""
    flags = (info.get("flags") or info.get("Features") or "").split()
    return [name for flag, name in SETS.items() if flag in flags]


def class_of(cpu: str, sets: list[str]) -> str:
    """The class whose figures belong together, such as "AMD EPYC, AVX2" or "Intel Xeon, AVX-512 and AMX"."""
    plain = " ".join(cpu.replace("(R)", " ").replace("(TM)", " ").split())
    family = next((name for name in FAMILIES if name.lower() in plain.lower()), plain)
    newest = [name for name in ("AVX-512", "AMX") if name in sets] or [
        name for name in ("AVX2", "SVE", "NEON") if name in sets
    ][:1]
    return f"{family}, {' and '.join(newest)}" if newest else family


def huge_pages() -> str | None:
    """Linux' setting of transparent huge pages: always, madvise or never."""
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as file:
            return file.read().partition("[")[2].partition("]")[0] or None
    except OSError:
        return None


def malloc(environment: Mapping[str, str]) -> str:
    """How the environment tunes memory allocation: "default", or the variables that do."""
    found = [f"{k}={v}" for k, v in sorted(environment.items()) if k in MALLOC or k.startswith("MALLOC_")]
    return ", ".join(found) or "default"


def compiler() -> str | None:
    """Who compiled the kernels of this interpreter's package, as the compiler signed them."""
    try:
        spec = find_spec("tinygrad_cnn.kernels.native._native")
        content = Path(spec.origin).read_bytes() if spec and spec.origin else b""
    except (ImportError, OSError):
        return None
    for name, pattern in (("clang", rb"clang version (\d[\d.]*)"), ("gcc", rb"GCC: \([^)]*\) (\d[\d.]*)")):
        found = re.search(pattern, content)
        if found:  # clang's files are linked with some of gcc's
            return f"{name} {found[1].decode()}"
    return None


def describe() -> dict[str, Any]:
    """What the figures depend on and what does not change between two runs."""
    sets = instruction_sets(_cpuinfo())
    return {
        "class": class_of(cpu(), sets),
        "cpu": cpu(),
        "sets": sets,
        "cores": os.cpu_count(),
        "page": os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else None,
        "huge_pages": huge_pages(),
        "malloc": malloc(os.environ),
        "compiler": compiler(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def revision(root: str) -> str | None:
    """The commit of the sources in `root`, with "-dirty" if they were changed since; None of an installed package."""
    command = ["git", "-C", root, "describe", "--always", "--dirty", "--match", "v[0-9]*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def load() -> float | None:
    """How many processes wanted a core during the last minute, our own included."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def copy_bandwidth(threads: int, repetitions: int = 7) -> float:
    """Bytes per second, read and written, of np.copyto between arrays too large for the caches."""
    source = np.ones(COPY, np.uint8)
    target = np.zeros_like(source)
    pieces = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repetitions):
            start = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(*pair), pieces))
            best = min(best, time.perf_counter() - start)
    return 2 * COPY / best


def peak(workers: list[Worker], seconds: float) -> dict[str, float]:
    """FLOP per second of each side's best square matrix product: the highest is taken for the machine's peak."""
    found = {}
    for worker in workers:
        rates = []
        for n in (256, 512, 1024):
            try:
                worker.ask("prepare", task={"kind": "op", "op": "matmul", "shape": [n, n]}, seconds=seconds)
                for _ in range(3):
                    rates.append(2 * n**3 / min(worker.ask("block", seconds=seconds)["times"]))
            except Absent:
                break
        if rates:
            found[worker.name] = max(rates)
    return found
