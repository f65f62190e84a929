"""One run of the benchmark: which sides are here, each case in turn, everything into one dictionary."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tinygrad_cnn.insight.numbers import number

from . import footprint, machine
from .cases import Case, cases, who
from .contest import ROOT, Absent, Worker, compete, judge
from .sides import SIDES

FORMAT = 2  # of the results; raise it when a reader would misunderstand old files


@dataclass
class Settings:
    threads: int = 2
    rounds: int = 7
    seconds: float = 0.3  # of a block
    quick: bool = False
    only: tuple[str, ...] = ()  # parts of "suite/case"; none: everything
    sides: tuple[str, ...] = tuple(SIDES)
    pythons: dict[str, str] = field(default_factory=dict)  # side -> interpreter, where it is not this one
    say: Callable[[str], None] = print

    def wants(self, title: str) -> bool:
        return not self.only or any(part in title for part in self.only)


class Team:
    """The workers, by number of threads and newest instructions, started when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.workers: dict[tuple[str, int, str], Worker] = {}
        self.absent: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def get(self, names: Iterable[str], threads: int, isa: str = "") -> list[Worker]:
        """Those of the sides that can be had; why the others cannot is in `absent`."""
        found = []
        for name in names:
            worker = self.workers.get((name, threads, isa))
            if name not in self.absent and (worker is None or not worker.alive):
                worker = self._start(name, threads, isa)
            if worker is not None and name not in self.absent:
                found.append(worker)
        return found

    def _start(self, name: str, threads: int, isa: str) -> Worker | None:
        try:
            worker = Worker(name, threads, self.settings.pythons.get(name, sys.executable), isa)
        except Absent as reason:
            self.absent[name] = str(reason)
            self.settings.say(f"absent: {SIDES[name].title}: {reason} (pip install {SIDES[name].package})")
            return None
        if not isa:
            self.versions[name] = worker.version
        self.workers[name, threads, isa] = worker
        return worker

    def dismiss(self) -> None:
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()


def run(settings: Settings) -> dict[str, Any]:
    """Measure; the result is what `report` and `pictures` read, and what is written as JSON."""
    chosen = [case for case in cases(settings.quick) if settings.wants(case.title)]
    began = {"date": machine.now(), "load": machine.load()}
    results: dict[str, Any] = {"format": FORMAT, "machine": machine.describe(), "cases": []}
    team = Team(settings)
    try:
        if settings.wants("machine"):
            names: list[str] = [n for n in ("ours", "ours-numpy", "pytorch") if n in settings.sides]
            rates = machine.peak(team.get(names, settings.threads), settings.seconds)
            results["machine"]["peak"] = rates
            results["machine"]["bandwidth"] = machine.copy_bandwidth(settings.threads)
        suite = ""
        for n, case in enumerate(chosen):
            if case.suite != suite:
                team.dismiss()  # a suite does not inherit the memory and habits of the one before
            suite = case.suite
            results["cases"].append(_case(case, team))
            settings.say(f"{n + 1} of {len(chosen)}  {_line(results['cases'][-1])}")
        team.dismiss()
        if settings.wants("footprint"):
            names = [n for n in settings.sides if SIDES[n].module not in {SIDES[m].module for m in _before(n)}]
            results["footprint"] = footprint.measure(
                [name for name in names if name not in team.absent], settings.pythons, settings.rounds
            )
    finally:
        team.dismiss()
    results["sides"] = {name: _side(name, team) for name in settings.sides if name in {*team.versions, *team.absent}}
    ended = {
        "load_after": machine.load(), "threads": settings.threads, "rounds": settings.rounds,
        "seconds": settings.seconds, "quick": settings.quick, "only": list(settings.only),
        "revision": machine.revision(ROOT),
    }  # fmt: skip
    results["runs"] = [{**began, **ended}]
    return results


def _before(name: str) -> list[str]:
    """The sides that stand before this one."""
    names = list(SIDES)
    return names[: names.index(name)]


def _side(name: str, team: Team) -> dict[str, Any]:
    if name in team.absent:
        return {"absent": team.absent[name]}
    return {"version": team.versions[name], "form": SIDES[name].form}


def _case(case: Case, team: Team) -> dict[str, Any]:
    settings = team.settings
    threads = case.threads or settings.threads
    names = [name for name in who(case) if name in settings.sides]
    if case.suite == "memory":
        found = _memory(case, team, names, threads)
    else:
        found = compete(team.get(names, threads, case.isa), case.task, settings.rounds, settings.seconds)
        judge(found)
    entry = {"suite": case.suite, "name": case.name, "task": case.task, "sides": found, "threads": threads}
    return {**entry, "date": machine.now(), "flop": case.flop, "bytes": case.bytes, "per": case.per, **case.values}


def _memory(case: Case, team: Team, names: list[str], threads: int) -> dict[str, dict[str, Any]]:
    """The largest resident set of a fresh process that makes some training steps."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        team.dismiss()
        for worker in team.get([name], threads):
            try:
                before = worker.ask("memory")["bytes"]
                worker.ask("prepare", task=case.task, seconds=team.settings.seconds)
                worker.ask("block", seconds=team.settings.seconds)
                found[name] = {"import_bytes": before, "peak_bytes": worker.ask("memory")["bytes"]}
            except Absent as reason:
                found[name] = {"absent": str(reason)}
    return found


def _line(case: dict[str, Any]) -> str:
    """One line of progress."""
    words = []
    for name, entry in case["sides"].items():
        if "seconds" in entry:
            words.append(f"{name} {number(entry['seconds']['median'] * 1e3, 3)} ms")
        elif "peak_bytes" in entry:
            words.append(f"{name} {entry['peak_bytes'] / 1e6:.0f} MB")
        else:
            words.append(f"{name} -")
    return f"{case['suite']}/{case['name']}: {', '.join(words)}"
