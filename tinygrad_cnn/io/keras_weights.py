"""`from_keras`: weights of Keras's networks in ours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..core.errors import describe
from ..nn import Module
from ..nn.layouts import Place, join
from .atomic import atomic_write
from .checked import open_file
from .errors import FileFormatError
from .keras_h5 import load_keras_h5
from .matching import Match, Transfer, array_of, called, fill, flat, match, places_of, wanted

ONLY: frozenset[str] = frozenset()
BESIDE = {"optimizer", "metrics", "compile_metrics", "seed_generator"}  # what Keras keeps beside weights
STRUCTURE = {"layers", "vars", "cell"}  # groups of a file that name no layer
WEIGHTS = "model.weights.h5"  # in a .keras file


@named
def from_keras(model: Module, weights: Any, *, names: Mapping[str, str] | None = None, strict: bool = True) -> Transfer:
    """Write the weights of a Keras network into one of ours; returns the report of what went where.

    Keras has its arrays in our order of axes: channels last, filters (I, J, C, O), dense weights (in, out).  Its batch
    norms have eps=1e-3 unless told otherwise, which is not among the weights: give it to `nn.BatchNorm2d`.

    Parameters
    ----------
    weights : the list of ``model.get_weights()``, taken in order; arrays by name ("conv2d/kernel"); or the path of a
        ``.weights.h5``, ``.h5`` or ``.keras`` file, which is read without Keras (it takes h5py).
    names : {"ours": "theirs"}, of layers: {"0": "conv2d", "3": "dense"}, where theirs is the name without "/kernel".
    strict : whether names on one side only are an error; with False they are listed in the report.

    Raises
    ------
    ValueError : names, numbers or shapes do not fit; the message lists every difference.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.Flatten(), nn.Linear(8, 3, rng=0))
    >>> weights = [np.ones((3, 3, 1, 2)), np.zeros(2), np.ones((8, 3)), np.zeros(3)]  # model.get_weights()
    >>> tg.io.from_keras(model, weights)
    4 arrays, matched in order
      0.weight <- array 0  as it is
      0.bias   <- array 1  as it is
      2.weight <- array 2  as it is
      2.bias   <- array 3  as it is
    """
    who = "from_keras"
    found = places_of(who, model, "keras")
    if isinstance(weights, (list, tuple)):
        return _in_row(who, model, found, weights)
    if isinstance(weights, (str, os.PathLike)):
        weights = _read(weights)
    elif not isinstance(weights, Mapping) and hasattr(weights, "get_weights"):
        return _in_row(who, model, found, weights.get_weights())
    if not isinstance(weights, Mapping):
        raise TypeError(
            f"{who}: weights must be the list of get_weights(), arrays by name or the path of a file, got "
            f"{describe(weights)}."
        )
    return _by_name(who, model, found, flat(weights), names, strict)


def _in_row(who: str, model: Module, found: list[Place], weights: Any) -> Transfer:
    """A list of arrays: layer by layer, or first what is trained and then the rest, as some versions write it."""
    arrays = [array_of(value) for value in weights]
    if any(array is None for array in arrays):
        k = next(k for k, array in enumerate(arrays) if array is None)
        raise TypeError(f"{who}: weights[{k}] must be an array, got {describe(weights[k])}.")
    have = {f"array {k}": array for k, array in enumerate(arrays) if array is not None}
    once = [p for k, p in enumerate(found) if all(p.tensor is not q.tensor for q in found[:k])]
    if len(have) == len(once):
        for places in (once, sorted(once, key=lambda p: p.buffer)):
            if all(p.layout.shape_there(p.tensor.shape) == a.shape for p, a in zip(places, have.values(), strict=True)):
                names = {p.there: name for p, name in zip(places, have, strict=True)}
                return fill(who, model, places, have, Match(names, "in order", []), {})
    rows = []
    for k in range(max(len(have), len(once))):
        here = f"{once[k].here} {once[k].layout.shape_there(once[k].tensor.shape)}" if k < len(once) else "nothing"
        there = str(have[f"array {k}"].shape) if k < len(have) else "nothing"
        rows.append(f"  {k:>3}  expects {here}, got {there}" + ("" if here.endswith(f" {there}") else "  <-"))
    table = "\n".join(rows)
    raise ValueError(
        f"{who}: the list has {len(have)} arrays and {type(model).__name__} {len(once)}, and they do not fit in order; "
        f"nothing was loaded.\n{table}\nGive the layers the order of Keras's, or pass the arrays by name."
    )


def _by_name(
    who: str, model: Module, found: list[Place], arrays: Mapping[str, np.ndarray], names: Mapping[str, str] | None,
    strict: bool,
) -> Transfer:  # fmt: skip
    have, numbered = _plain_names(arrays)
    if numbered:
        found = [replace(p, there=join(p.path, str(k))) for p, k in _numbers(found)]
    shapes = {name: have[name].shape for name in have}
    forms = [called(who, found, names)]
    if names is None:
        forms.append([replace(p, there=join(_file_names(found)[p.path], p.there.rpartition(".")[2])) for p in found])
    tries = [(places, True) for places in forms]
    if not strict:
        tries.append((max(forms, key=lambda places: len(wanted(places).keys() & have.keys())), False))
    for k, (places, all_of_it) in enumerate(tries):
        ordered = all_of_it and places is forms[-1] and not numbered  # a file with numbers is sorted by names
        try:
            matched = match(who, model, wanted(places), shapes, ONLY, strict=all_of_it, ordered=ordered)
        except ValueError:
            if k == len(tries) - 1:
                raise
            continue
        break
    return fill(who, model, places, have, matched, {})


def _plain_names(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
    """Keras's names as ours are built, "conv2d.kernel", and whether its arrays are numbered instead, "conv2d.0"."""
    have: dict[str, np.ndarray] = {}
    numbered = False
    for name, array in arrays.items():
        if not BESIDE.isdisjoint(name.split("/")):
            continue
        parts = name.removesuffix(":0").replace("/", ".").split(".")
        numbered |= len(parts) > 1 and parts[-2] == "vars" and parts[-1].isdigit()
        *layer, leaf = parts
        layer = [part for part in layer if part not in STRUCTURE]
        once = [part for k, part in enumerate(layer) if k == 0 or part != layer[k - 1]]  # conv1/conv1/kernel:0
        have[".".join([*once, leaf])] = array
    return have, numbered


def _numbers(found: list[Place]) -> Iterator[tuple[Place, int]]:
    """Places with their numbers in their layer."""
    counts: dict[str, int] = {}
    for p in found:
        counts[p.path] = counts.get(p.path, -1) + 1
        yield p, counts[p.path]


def _file_names(found: list[Place]) -> dict[str, str]:
    """What Keras calls layers in its files, by our paths: the kind, and from the second of a kind on its number."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for p in found:
        if p.path not in names:
            kind = p.layer.keras_name or p.path
            k = counts[kind] = counts.get(kind, -1) + 1
            names[p.path] = f"{kind}_{k}" if k else kind
    return names


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    with open_file(path, "a file of Keras weights") as file:
        if file.read(4) != b"PK\x03\x04":
            return load_keras_h5(path)
        import zipfile

        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive, tempfile.TemporaryDirectory() as folder:
                size = archive.getinfo(WEIGHTS).file_size
                if size > os.fstat(file.fileno()).st_size:
                    raise FileFormatError(f"{os.fspath(path)}: its {WEIGHTS} is compressed, which Keras does not do.")
                inner = Path(folder) / WEIGHTS
                with atomic_write(inner) as copy:
                    copy.write(archive.read(WEIGHTS))
                try:
                    return load_keras_h5(inner)
                except FileFormatError as error:
                    raise FileFormatError(str(error).replace(str(inner), f"{os.fspath(path)} ({WEIGHTS})")) from None
        except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError) as error:
            raise FileFormatError(f"{os.fspath(path)}: not a Keras file; {error}.") from None
