"""How far the reading of a large file has come, on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LARGE = 50_000_000  # bytes from which a file's reading is shown


@contextmanager
def shown(path: str | os.PathLike[str]) -> Iterator[Callable[[int], object]]:
    """A context with a function to tell of bytes that were read; a bar shows them, of large files on a terminal."""
    size = os.stat(path).st_size if os.path.isfile(path) else 0
    if size < LARGE or not sys.stderr.isatty():
        yield lambda count: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        print(f"reading {os.fspath(path)}: {size / 1e6:.0f} MB", file=sys.stderr)
        yield lambda count: None
        return
    with tqdm(desc=os.path.basename(path), total=size, unit="B", unit_scale=True) as bar:
        yield bar.update
