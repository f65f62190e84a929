"""The registry of ops: name -> Op.  Tests, docs, labels and costs are read from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import nearest

if TYPE_CHECKING:
    from .op import Op


class Registry(dict[str, "Op"]):
    """A dict of ops by name that says, for an unknown name, which are near."""

    def __init__(self) -> None:
        super().__init__()
        self.of_numpy: dict[Callable[..., Any], Callable[..., Any]] = {}  # which op a NumPy function means

    def __missing__(self, name: str) -> Op:
        raise KeyError(f"no op is named {name!r}.{nearest(name, self)} tg.registry lists them all.")


registry = Registry()
