"""Modules made of modules: in a row, in a list, in a dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import index
from typing import TYPE_CHECKING, Any, overload

from ..core import Tensor
from .fuse import steps
from .module import Module, _Structure
from .twins import warn_of_twins

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Row(Module):
    """Modules in order, under names that count from "0" unless they were given."""

    def _layers(self) -> list[Module]:
        return [value for value in vars(self).values() if isinstance(value, Module)]

    def _check(self, place: Any, module: Any) -> Module:
        who = type(self).__name__
        if isinstance(module, type):
            raise TypeError(f"{who}: layer {place} is the class {module.__name__}; write {module.__name__}(...).")
        if not isinstance(module, Module):
            hint = " Wrap a function as nn.Lambda(function)." if callable(module) else ""
            raise TypeError(f"{who}: layer {place} must be a Module, got {type(module).__name__}.{hint}")
        return module

    def _name_at(self, key: Any) -> str:
        names = [name for name, _ in self.named_children()]
        try:
            return names[index(key)]
        except IndexError:
            raise IndexError(f"{type(self).__name__}: no layer {key}; there are {len(names)}.") from None
        except TypeError:
            raise TypeError(f"{type(self).__name__}: layers are numbered by ints, got {key!r}.") from None

    def __len__(self) -> int:
        return len(self._layers())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers())

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            part = Sequential() if isinstance(self, Sequential) else ModuleList()
            for name, layer in list(self.named_children())[key]:
                setattr(part, name, layer)
            return part
        return getattr(self, self._name_at(key))

    def __setitem__(self, key: int, module: Module) -> None:
        setattr(self, self._name_at(key), self._check(key, module))

    def __delitem__(self, key: Any) -> None:
        layers = self._layers()
        del layers[key]
        self._refill(layers)

    def _refill(self, layers: Iterable[Module]) -> None:
        for name, _ in list(self.named_children()):
            delattr(self, name)
        for k, layer in enumerate(layers):
            setattr(self, str(k), layer)

    def append(self, module: Module) -> _Row:
        """Add a module at the end; returns itself."""
        taken = {name for name, _ in self.named_children()}
        k = len(taken)
        while str(k) in taken:  # a slice keeps its names, so its last may be the number of its length
            k += 1
        setattr(self, str(k), self._check(k, module))
        return self

    def extend(self, modules: Iterable[Module]) -> _Row:
        """Add modules at the end; returns itself."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, place: int, module: Module) -> None:
        """Put a module before the one at `place`; those behind it are renumbered."""
        layers = self._layers()
        layers.insert(place, self._check(place, module))
        self._refill(layers)


class Sequential(_Row):
    """Layers one after another: ``Sequential(a, b)``, or with names, ``Sequential({"first": a, "second": b})``.

    Indexing, slicing (a Sequential of the same layers under the same names), len and iteration work as on a list.
    It warns of layers that start with the same random weights, which ``rng=0`` in both of them gives.

    >>> first, last = nn.Conv2d(1, 8, 3, rng=0), nn.Linear(8 * 6 * 6, 10, rng=1)
    >>> net = nn.Sequential(first, nn.ReLU(), nn.Flatten(), last)
    >>> net(images).shape
    (16, 10)
    >>> net[0]
    Conv2d(1, 8, window=(3, 3))
    """

    def __init__(self, *layers: Any) -> None:
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            for name, layer in layers[0].items():
                setattr(self, name, self._check(repr(name), layer))
        else:
            if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
                raise TypeError("Sequential: got one list; unpack it: Sequential(*layers).")
            for k, layer in enumerate(layers):
                setattr(self, str(k), self._check(k, layer))
        warn_of_twins(self, list(self.named_children()))

    def append(self, module: Module) -> _Row:
        """Add a module at the end; returns itself."""
        super().append(module)
        warn_of_twins(self, list(self.named_children()))
        return self

    _steps: tuple[int, list[Callable[[Any], Any]]] = (-1, [])

    if TYPE_CHECKING:  # an array becomes a Tensor if one of the layers has weights

        @overload
        def __call__(self, x: Tensor) -> Tensor: ...
        @overload
        def __call__(self, x: Any) -> Any: ...
        def __call__(self, x: Any) -> Any: ...

    def forward(self, x: Any) -> Any:
        version, row = self._steps
        if version != _Structure.version:
            row = steps(self._layers())
            object.__setattr__(self, "_steps", (_Structure.version, row))
        for step in row:
            x = step(x)
        return x


class ModuleList(_Row):
    """A list of modules that its owner's `parameters` finds.  It does not say in what order they run."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)


class ModuleDict(Module):
    """A dict of modules that its owner's `parameters` finds."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        for name, module in (modules or {}).items():
            self[name] = module

    def __getitem__(self, name: str) -> Module:
        for known, module in self.named_children():
            if known == name:
                return module
        raise KeyError(f"ModuleDict: no module {name!r}; there are {', '.join(self.keys()) or 'none'}.")

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(name, str) or not isinstance(module, Module):
            raise TypeError(f"ModuleDict: needs a Module under a str, got {type(module).__name__} under {name!r}.")
        if hasattr(ModuleDict, name):
            raise ValueError(f"ModuleDict: the name {name!r} would hide ModuleDict.{name}. Choose another.")
        setattr(self, name, module)

    def __delitem__(self, name: str) -> None:
        self[name]  # words a missing name
        delattr(self, name)

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def keys(self) -> list[str]:
        """The names, in order."""
        return [name for name, _ in self.named_children()]

    def values(self) -> list[Module]:
        """The modules, in order."""
        return list(self.children())

    def items(self) -> list[tuple[str, Module]]:
        """Names and modules, in order."""
        return list(self.named_children())
