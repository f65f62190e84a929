"""The page that lists what is exchanged: ops that export, operators that are read, formats of files."""

from __future__ import annotations

from collections.abc import Iterator

from ..core import registry
from ..io import formats
from . import readers as readers
from .exporting import OLDEST as OLDEST_WRITTEN
from .needs import library
from .reading import OLDEST, READERS
from .table import how_exported

LISTED = 23  # operators of newer opsets are not on the page, so that it is the same under every version of onnx

PAGE = """# ONNX and other files

Written by `python docs/make_tables.py` from the tables of `tinygrad_cnn.onnx` and `tinygrad_cnn.io`; do not edit.

## Ops that export

{exported} of {ops} ops are written to ONNX (`tg.onnx.export`, opset {oldest_written} and later): {itself} by
themselves, {composed} by the ops that they equal.

| how | ops |
|---|---|
| by itself | {ops_itself} |
| by composition | {ops_composed} |
| not | {ops_not} |

## Operators that are read

`tg.onnx.load` reads {read} of ONNX's {known} operators up to opset {listed}, in files of opset {oldest} and later.
What it refuses, it names: other operators, operators of other domains, subgraphs, functions, and these attributes.

| operator | attributes that are refused |
|---|---|
{attributes}

Read are {names_read}.

Refused are {names_refused}.

## Formats of files

`tg.load` recognises a file by its content; `tg.io.convert` and `tinygrad-cnn convert` write what can be written.
Networks with their graph are read from ONNX by `tg.onnx.load` and written by `tg.onnx.export`.

| format | suffixes | read | written |
|---|---|---|---|
{formats}
"""


def page() -> str:
    """The page, in Markdown."""
    own = sorted(name for name, op in registry.items() if op.__module__.startswith("tinygrad_cnn."))
    kinds = {how: [name for name in own if how_exported(name) == how] for how in ("itself", "composition", "no")}
    schemas = _schemas()
    refused = [
        f"| {kind} | {', '.join(f'`{name}`' for name in left)} |"
        for kind in sorted(READERS.keys() & schemas.keys())
        if (left := sorted(schemas[kind] - READERS[kind][1]))
    ]
    return PAGE.format(
        exported=len(kinds["itself"]) + len(kinds["composition"]), ops=len(own), oldest_written=OLDEST_WRITTEN,
        itself=len(kinds["itself"]), composed=len(kinds["composition"]), ops_itself=_row(kinds["itself"]),
        ops_composed=_row(kinds["composition"]), ops_not=_row(kinds["no"]), oldest=OLDEST, listed=LISTED,
        read=len(READERS.keys() & schemas.keys()), known=len(schemas), attributes="\n".join(refused),
        names_read=_row(sorted(READERS.keys() & schemas.keys())),
        names_refused=_row(sorted(schemas.keys() - READERS.keys())), formats="\n".join(_formats()),
    )  # fmt: skip


def _row(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _schemas() -> dict[str, set[str]]:
    """ONNX's own operators, each with its attributes in the newest opset that is listed."""
    onnx = library("page")
    newest: dict[str, tuple[int, set[str]]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.since_version <= LISTED and not schema.deprecated:
            known = newest.get(schema.name, (0, set()))
            newest[schema.name] = max(known, (schema.since_version, set(schema.attributes)), key=lambda pair: pair[0])
    return {name: attributes for name, (_, attributes) in newest.items()}


def _formats() -> Iterator[str]:
    for format in formats.FORMATS.values():
        written = "yes" if format.write is not None else "no"
        yield f"| {format.words} | {', '.join(f'`{s}`' for s in format.suffixes)} | yes | {written} |"
