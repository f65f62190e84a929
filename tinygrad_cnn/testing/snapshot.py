"""`gradient_snapshot`: structure, values and gradients of a result, compared with those in a small reference file.

The pytest plugin gives each test a `GradientSnapshot`.  The file lies beside the test's own, in ``snapshots/<test
file>/<test>.json``; it is written only when pytest is asked to (``--update-snapshots``), and only if it does not hold.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import describe
from ..io.atomic import atomic_write
from . import recorded, recorded_arrays, recorded_words
from .recorded import Record
from .recorded_arrays import Row
from .taking import take

FOLDER = "snapshots"
FORMAT = "tinygrad_cnn gradient snapshot 1"
LONGEST = 90  # characters of a file's name
WIDEST = 116  # characters of a line of a file
MOST = 12  # lines of differences in words, and rows of the table
REMEDY = "If this change is intended, run: pytest --update-snapshots"


def _unnoticed(path: Path, written: bool) -> None:
    """Note nothing of a reference that was used."""


class SnapshotError(AssertionError):
    """A snapshot does not hold, has no reference, or is not finite; `picture` is the page with both graphs, if any."""

    def __init__(self, message: str, picture: Path | None = None) -> None:
        super().__init__(message)
        self.picture = picture


class GradientSnapshot:
    """Compares a result with the reference of one test: what the fixture `gradient_snapshot` gives.

    Parameters
    ----------
    path : the file of the test.
    test : the name of the test in that file, as in ``TestNet::test_loss[2]``.
    update : whether references that do not hold are written.
    pictures : makes a folder for pictures of differences.
    used : called with each reference that was compared or written, and whether it was written.
    """

    def __init__(
        self,
        path: Path,
        test: str,
        *,
        update: bool,
        pictures: Callable[[], Path],
        used: Callable[[Path, bool], None] = _unnoticed,
    ) -> None:
        self.path, self.test, self.update, self.pictures, self.used = path, test, update, pictures, used
        self._count = 0
        self._taken: set[Path] = set()

    def __call__(
        self, subject: Any, *inputs: Any, name: str | None = None, rtol: float | None = None, atol: float = 0.0
    ) -> None:
        """Compare a result, and the gradients of what it was made from, with the reference.

        Parameters
        ----------
        subject : a Tensor; several in a list, tuple or dict; or a module or function, which is run.  What is not one
            number is weighed with fixed weights and summed.
        inputs : for a module or function, what it is called with.  For Tensors, if anything, the Tensors whose
            gradients are compared, in a dict that names them, or a list; by default all leaves that require one.
        name : of this snapshot, where a test has several; they are numbered otherwise.
        rtol : how far an element may be off, relative to the norm of its array; by default 1e-9 for float64, 1e-5 for
            float32, 1e-2 for float16.  The structure is compared exactly.
        atol : is added to that.

        Raises
        ------
        SnapshotError : there is no reference, or the result is not what it says, or it is not finite.
        TypeError, ValueError, GraphError : a wrong argument, or a result without a graph.
        """
        __tracebackhide__ = True
        _check_tolerances(rtol, atol)
        where = self._where(name)
        got = {"format": FORMAT, "test": self.test, **_finite(take(subject, inputs))}
        try:
            expected = _read(where, self.test)
        except SnapshotError:
            if not self.update:
                raise
            expected = None
        told, rows = ([], []) if expected is None else _compare(expected, got, rtol, atol)
        differs = expected is None or told or rows
        if differs and self.update:
            _write(where, got)
        self.used(where, bool(differs and self.update))
        if differs and not self.update:
            assert expected is not None
            raise self._failed(where, expected, got, told, rows)

    def _where(self, name: str | None) -> Path:
        """The file of the next snapshot."""
        if name is not None and (not isinstance(name, str) or not name):
            raise TypeError(f"gradient_snapshot: name must be a word, got {describe(name)}.")
        self._count += name is None
        more = f".{_safe(name)}" if name is not None else f".{self._count}" if self._count > 1 else ""
        where = folder_of(self.path) / f"{stem_of(self.test)}{more}.json"
        if where in self._taken:
            raise ValueError(f"gradient_snapshot: this test has a snapshot {where.name} already; pass another name=.")
        self._taken.add(where)
        return where

    def _failed(
        self, where: Path, expected: Record, got: Record, told: Sequence[str], rows: list[Row]
    ) -> SnapshotError:
        lines = [f"gradient_snapshot: {self.test} does not match {_short(where)}"]
        if told:
            lines += ["structure:", *(f"  {line}" for line in told[:MOST])]
            lines += [f"  ... and {len(told) - MOST} more"] if len(told) > MOST else []
        if rows:
            lines += ["numbers:", *(f"  {line}" for line in recorded_arrays.table(rows, MOST))]
        warnings = {row.name: f"{row.what} off by {row.difference:.2g}" for row in rows}
        picture = None
        try:
            drawing = recorded.picture_of_difference(expected, got, warnings, f"{self.test}: the reference, and now")
            picture = drawing.render(self.pictures() / f"{where.stem}.html")
            lines.append(f"both graphs: {picture}")
        except Exception as error:  # whatever stops the picture, the difference is what the user must know
            lines.append(f"no picture of both graphs was made: {error}")
        return SnapshotError("\n".join([*lines, REMEDY]), picture)


def folder_of(path: Path) -> Path:
    """Where the references of a test file lie."""
    return path.parent / FOLDER / path.stem


def stem_of(test: str) -> str:
    """How the files of a test begin, up to the first dot: safe on every system, and different for different tests."""
    function, bracket, parameters = test.partition("[")
    return _safe("-".join(function.split("::")) + bracket.replace("[", "-") + parameters.removesuffix("]"))


def _safe(text: str) -> str:
    """A name that every file system takes; one that had to be changed gets a number, which tells it from others."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", text)[:LONGEST]
    return plain if plain == text else f"{plain}-{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def _check_tolerances(rtol: Any, atol: Any) -> None:
    least = recorded_arrays.LEAST_RTOL
    if rtol is not None and not (isinstance(rtol, (int, float)) and least <= rtol < 1):
        raise ValueError(f"gradient_snapshot: rtol must be a number from {least:g} to below 1, got {rtol!r}. "
                         "References hold 12 digits.")  # fmt: skip
    if not (isinstance(atol, (int, float)) and 0 <= atol < np.inf):
        raise ValueError(f"gradient_snapshot: atol must be a finite number of at least 0, got {atol!r}.")


def _finite(taken: dict[str, Any]) -> Record:
    """A snapshot with its arrays as the file holds them."""
    __tracebackhide__ = True
    made = dict(taken)
    for key, what in (("values", "the value of {}"), ("gradients", "the gradient of {}")):
        made[key] = {}
        for name, array in taken[key].items():
            try:
                made[key][name] = recorded_arrays.stored(array)
            except ValueError as error:
                words = f"gradient_snapshot: {what.format(name)} {error}; a snapshot has finite numbers."
                raise SnapshotError(f"{words} tg.anomaly() names the op that makes them.") from None
    return made


# -- comparing ------------------------------------------------------------------------------------------------


def _compare(old: Record, new: Record, rtol: float | None, atol: float) -> tuple[list[str], list[Row]]:
    """What differs: in words, and in numbers."""
    told = recorded_words.differences(old["structure"], new["structure"])
    if not told and old["outputs"] != new["outputs"]:
        told = [f"the results were {_outputs(old)}, now {_outputs(new)}"]
    rows = []
    noise = recorded_arrays.noise_of(old["gradients"])
    for key, kind in (("values", "value"), ("gradients", "gradient")):
        before, after = old[key], new[key]
        if key == "gradients":
            told += _reached(old, new)
        for name in before.keys() & after.keys():
            sizes = [f"({', '.join(map(str, one['shape']))}) {one['dtype']}" for one in (before[name], after[name])]
            if sizes[0] != sizes[1]:
                told.append(f"the {kind} of {name} was {sizes[0]}, now {sizes[1]}")
                continue
            least = noise if kind == "gradient" else 0.0
            row = recorded_arrays.worst(name, kind, before[name], after[name], rtol, atol, least)
            rows += [row] if row else []
    return told, rows


def _outputs(record: Record) -> str:
    return ", ".join(f"{each['label']} ({each['node']})" for each in record["outputs"])


def _reached(old: Record, new: Record) -> list[str]:
    """Which gradients are new or gone, of leaves that are neither."""
    here = [{each["id"] for each in record["structure"] if "op" not in each} for record in (old, new)]
    changed = here[0] ^ here[1]
    gone = sorted(old["gradients"].keys() - new["gradients"].keys() - changed)
    come = sorted(new["gradients"].keys() - old["gradients"].keys() - changed)
    return [f"the gradient of {name} is gone" for name in gone] + [f"the gradient of {name} is new" for name in come]


# -- files ----------------------------------------------------------------------------------------------------


def _read(where: Path, test: str) -> Record:
    """The reference in a file."""
    __tracebackhide__ = True
    short = _short(where)
    try:
        text = where.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SnapshotError(
            f"gradient_snapshot: there is no reference {short} yet. Write it with: pytest --update-snapshots"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SnapshotError(f"gradient_snapshot: {short} cannot be read: {error}") from None
    try:
        record: Record = json.loads(text)
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}")
        recorded.check(record["structure"])
        owner = record["test"]
        known = {each["id"] for each in record["structure"]}
        if not record["outputs"] or any(each["node"] not in known or not each["label"] for each in record["outputs"]):
            raise ValueError("its outputs are not among its nodes")
        for one in [*record["values"].values(), *record["gradients"].values()]:
            recorded_arrays.check(one)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise SnapshotError(f"gradient_snapshot: {short} is not a reference that this version can read ({what}). "
                            "Write it anew with: pytest --update-snapshots") from None  # fmt: skip
    if owner != test:
        raise SnapshotError(f"gradient_snapshot: {short} is the reference of {owner}, not of {test}. "
                            "Rename one of the two tests.")  # fmt: skip
    return record


def _write(where: Path, record: Record) -> None:
    """Write a reference, but not into a folder that is a link."""
    for folder in (where.parent.parent, where.parent):
        if folder.is_symlink():
            raise OSError(f"gradient_snapshot: {_short(folder)} is a symbolic link, and references are not written "
                          "through links. Remove it.")  # fmt: skip
        folder.mkdir(exist_ok=True)
    with atomic_write(where, "w", newline="\n") as file:
        file.write(_text(record) + "\n")


def _text(value: Any, indent: int = 0, used: int = 0) -> str:
    """JSON with sorted keys, in which everything that fits into one line is one line, so that differences are short."""
    short = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    if indent + used + len(short) <= WIDEST or not isinstance(value, (dict, list)) or not value:
        return short
    inner, end = " " * (indent + 1), " " * indent
    if isinstance(value, Mapping):
        keys = [(f"{json.dumps(key, ensure_ascii=False)}: ", value[key]) for key in sorted(value)]
        lines = [inner + key + _text(item, indent + 1, len(key)) for key, item in keys]
        return "{\n" + ",\n".join(lines) + f"\n{end}}}"
    if isinstance(value[0], (dict, list)):
        return "[\n" + ",\n".join(inner + _text(item, indent + 1) for item in value) + f"\n{end}]"
    return "[\n" + _wrapped([json.dumps(item, ensure_ascii=False) for item in value], inner) + f"\n{end}]"


def _wrapped(words: Sequence[str], start: str) -> str:
    """Words, separated by commas, in lines."""
    lines = [start]
    for k, word in enumerate(words):
        if len(lines[-1]) + len(word) + 2 > WIDEST and lines[-1] != start:
            lines.append(start)
        lines[-1] += word + (", " if k < len(words) - 1 else "")
    return "\n".join(line.rstrip() for line in lines)


def _short(path: Path) -> str:
    """A path as the user would write it."""
    try:
        return os.path.relpath(path)
    except ValueError:  # on another drive
        return str(path)
