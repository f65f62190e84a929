"""Modules made of modules: in a row, in a list, in a dict; and lists and dicts of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..core import Tensor
from .fuse import steps
from .module import Module, _Structure
from .parameter import Parameter
from .twins import warn_of_twins

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]

R = TypeVar("R", bound="_Row")
S = TypeVar("S", bound="Sequential")


class _Held(Module):
    """A container: what it holds are its attributes of one kind, in order."""

    _kind: ClassVar[type[Any]] = Module
    _word: ClassVar[str] = "layer"

    def _held(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in vars(self).items() if isinstance(value, self._kind)]

    def _check(self, place: Any, value: Any) -> Any:
        """What is to be held, if it can be."""
        who = type(self).__name__
        if isinstance(value, type):
            raise TypeError(f"{who}: layer {place} is the class {value.__name__}; write {value.__name__}(...).")
        if not isinstance(value, Module):
            hint = " Wrap a function as nn.Lambda(function)." if callable(value) else ""
            raise TypeError(f"{who}: layer {place} must be a Module, got {type(value).__name__}.{hint}")
        return value

    def __len__(self) -> int:
        return len(self._held())


class _OfParameters(_Held):
    """A container of parameters; arrays and Tensors become some."""

    _kind = Tensor  # parameters, or what stands for one in a functional call
    _word = "parameter"

    def _check(self, place: Any, value: Any) -> Any:
        if isinstance(value, Parameter):
            return value
        if isinstance(value, (Module, str, bytes)) or value is None:
            raise TypeError(
                f"{type(self).__name__}: parameter {place} must be a Parameter or an array, got {type(value).__name__}."
            )
        return Parameter(value.data if isinstance(value, Tensor) else value)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}: {value.shape}" for name, value in self._held())


class _Row(_Held):
    """Values in order, under names that count from "0" unless they were given."""

    def _name_at(self, key: Any) -> str:
        names = [name for name, _ in self._held()]
        try:
            return names[index(key)]
        except IndexError:
            raise IndexError(f"{type(self).__name__}: no {self._word} {key}; there are {len(names)}.") from None
        except TypeError:
            raise TypeError(f"{type(self).__name__}: {self._word}s are numbered by ints, got {key!r}.") from None

    def __iter__(self) -> Iterator[Any]:
        return iter([value for _, value in self._held()])

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            part = self._empty()
            for name, value in self._held()[key]:
                setattr(part, name, value)
            return part
        return getattr(self, self._name_at(key))

    def _empty(self) -> _Row:
        """What a slice of it is put into."""
        return ModuleList()

    def __setitem__(self, key: int, value: Any) -> None:
        setattr(self, self._name_at(key), self._check(key, value))

    def __delitem__(self, key: Any) -> None:
        values = list(self)
        del values[key]
        self._refill(values)

    def _refill(self, values: Iterable[Any]) -> None:
        for name, _ in self._held():
            delattr(self, name)
        for k, value in enumerate(values):
            setattr(self, str(k), value)

    def append(self: R, value: Any) -> R:
        """Add one at the end; returns itself."""
        taken = {name for name, _ in self._held()}
        k = len(taken)
        while str(k) in taken:  # a slice keeps its names, so its last may be the number of its length
            k += 1
        setattr(self, str(k), self._check(k, value))
        return self

    def extend(self: R, values: Iterable[Any]) -> R:
        """Add several at the end; returns itself."""
        for value in values:
            self.append(value)
        return self

    def insert(self, place: int, value: Any) -> None:
        """Put one before the one at `place`; those behind it are renumbered."""
        values = list(self)
        values.insert(place, self._check(place, value))
        self._refill(values)


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

    def _empty(self) -> Sequential:
        return Sequential()

    def append(self: S, value: Any) -> S:
        """Add a layer at the end; returns itself."""
        super().append(value)
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
            row = steps(list(self))
            object.__setattr__(self, "_steps", (_Structure.version, row))
        for step in row:
            x = step(x)
        return x


class ModuleList(_Row):
    """A list of modules that its owner's `parameters` finds.  It does not say in what order they run."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)


class ParameterList(_Row, _OfParameters):
    """A list of parameters that its owner's `parameters` finds; arrays become parameters.

    >>> class Mixture(nn.Module):
    ...     def __init__(self):
    ...         self.weights = nn.ParameterList([np.ones((3, 2), np.float32) for _ in range(2)])
    ...
    ...     def forward(self, x):
    ...         return sum(x @ w for w in self.weights)
    >>> [name for name, _ in Mixture().named_parameters()]
    ['weights.0', 'weights.1']
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self.extend(values)

    def _empty(self) -> ParameterList:
        return ParameterList()


class _Dict(_Held):
    """Values by name."""

    def __getitem__(self, name: str) -> Any:
        for known, value in self._held():
            if known == name:
                return value
        known_names = ", ".join(self.keys()) or "none"
        raise KeyError(f"{type(self).__name__}: no {self._word} {name!r}; there are {known_names}.")

    def __setitem__(self, name: str, value: Any) -> None:
        who = type(self).__name__
        if not isinstance(name, str):
            raise TypeError(
                f"{who}: needs a {self._kind.__name__} under a str, got {type(value).__name__} under {name!r}."
            )
        if hasattr(type(self), name):
            raise ValueError(f"{who}: the name {name!r} would hide {who}.{name}. Choose another.")
        setattr(self, name, self._check(repr(name), value))

    def __delitem__(self, name: str) -> None:
        self[name]  # words a missing name
        delattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def keys(self) -> list[str]:
        """The names, in order."""
        return [name for name, _ in self._held()]

    def values(self) -> list[Any]:
        """What it holds, in order."""
        return [value for _, value in self._held()]

    def items(self) -> list[tuple[str, Any]]:
        """Names and what they name, in order."""
        return self._held()

    def update(self, values: Mapping[str, Any]) -> None:
        """Hold these too, in the place of what had their names."""
        for name, value in values.items():
            self[name] = value


class ModuleDict(_Dict):
    """A dict of modules that its owner's `parameters` finds."""

    _word = "module"

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.update(modules or {})


class ParameterDict(_Dict, _OfParameters):
    """A dict of parameters that its owner's `parameters` finds; arrays become parameters.

    >>> scales = nn.ParameterDict({"left": np.ones(2, np.float32)})
    >>> scales["right"] = np.zeros(2, np.float32)
    >>> scales
    ParameterDict(left: (2,), right: (2,))
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.update(values or {})
