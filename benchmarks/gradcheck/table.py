"""The tables, as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..machine import cpu
from . import CHECKERS, cases, power, worker

BEGIN, END = "<!-- gradcheck: begin (printed by python -m benchmarks.gradcheck) -->", "<!-- gradcheck: end -->"
AGREEMENT = 1e-6  # of gradients that count as the same, relative to their norm; or 1e-12

Verdicts = dict[str, list[dict[str, Any]]]  # of each checker that is present


def markdown(found: dict[str, Any]) -> str:
    """Everything that `run.run` found."""
    present = {name: entry for name, entry in found["checkers"].items() if "absent" not in entry}
    versions = [f"- {CHECKERS[name].title}: {entry['version']}" for name, entry in present.items()]
    absent = [
        f"- {CHECKERS[name].title}: left out: {entry['absent']}"
        for name, entry in found["checkers"].items()
        if "absent" in entry
    ]
    parts = [f"{cpu()}, one thread.", "\n".join([*versions, *absent])]
    if found["cases"]:
        parts += false_alarms(found["cases"], {name: entry["cases"] for name, entry in present.items()})
    if found["trials"]:
        parts += detections(found["trials"], {name: entry["trials"] for name, entry in present.items()})
    return "\n\n".join(parts) + "\n"


def _table(head: list[str], rows: list[list[str]], words: int) -> str:
    """A table whose first columns, so many of them, are text."""
    lines = [head, ["---"] * words + ["--:"] * (len(head) - words), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# -- false alarms ---------------------------------------------------------------------------------------------


def false_alarms(numbers: list[int], verdicts: Verdicts) -> list[str]:
    known = cases.every()
    chosen = [known[n] for n in numbers]
    judged = {name: list(map(_verdict, chosen, answers)) for name, answers in verdicts.items()}
    groups = list(dict.fromkeys(case.group for case in chosen))

    def row(title: str, which: list[int]) -> list[str]:
        counts = [Counter(said[i] for i in which) for said in judged.values()]
        return [title, str(len(which)), *(f"{c['alarm']} of {len(which) - c['none'] - c['gradient']}" for c in counts)]

    rows = [row(g, [i for i, case in enumerate(chosen) if case.group == g]) for g in groups]
    for order in (1, 2):
        rows.append(row(f"all of order {order}", [i for i, case in enumerate(chosen) if case.order == order]))
    everything = list(range(len(chosen)))
    alone = [i for i in everything if all(said[i] not in ("none", "gradient") for said in judged.values())]
    rows += [row("all", everything), row("all that every checker could judge", alone)]
    totals = [Counter(said) for said in judged.values()]
    rows.append(["not judged, in full or in part", "", *(str(c["hidden"]) for c in totals)])
    rows.append(["cannot run", "", *(str(c["none"]) for c in totals)])
    rows.append(["gradient differs from ours", "", *(str(c["gradient"]) for c in totals)])
    reasons = [
        f"- {CHECKERS[name].title}: {count}: {reason}"
        for name, answers in verdicts.items()
        for reason, count in Counter(a["message"] for a in answers if a["said"] == "none").most_common(4)
    ]
    parts = ["### False alarms", _table(["correct cases", "number", *(CHECKERS[n].title for n in verdicts)], rows, 1)]
    return [*parts, "Cannot run, the most frequent reasons:", "\n".join(reasons)] if reasons else parts


def _verdict(case: cases.Case, answer: dict[str, Any]) -> str:
    """What was said of a correct case, where "wrong" is a false alarm if the framework's gradient is right."""
    if answer["said"] != "wrong":
        return str(answer["said"])
    from .sides.ours import Side

    ours = worker.summary(Side(""), case)
    same = all(
        abs(a - b) <= AGREEMENT * norm + 1e-12 for (a, _), (b, norm) in zip(answer["gradients"], ours, strict=True)
    )
    return "alarm" if same else "gradient"


# -- power ----------------------------------------------------------------------------------------------------


def detections(trials: list[tuple[int, int, int]], verdicts: Verdicts) -> list[str]:
    """How many of the wrong gradients each checker found, by the size of the error."""
    seeds = len({seed for _, _, seed in trials})
    head = ["gradient", "checker", *(_factor(d) for d in power.FACTORS)]
    rows = []
    for r in dict.fromkeys(r for r, _, _ in trials):
        for name, answers in verdicts.items():
            cells = []
            for d in range(len(power.FACTORS)):
                said = [a["said"] for a, t in zip(answers, trials, strict=True) if tuple(t[:2]) == (r, d)]
                cells.append("" if not said or "none" in said else str(said.count("wrong")))
            if any(cells):
                rows.append([str(power.ROWS[r]), CHECKERS[name].title, *cells])
    text = f"Detections of {seeds}: the wrong entries are 1 + d times what they should be; d = 0 is the control."
    return ["### Power", text, _table(head, rows, 2)]


def _factor(d: float) -> str:
    return f"d = {d:g}" if d in (100.0, 0.0) else f"{d:g}"
