"""Module: a function with parameters, made of modules.

Attributes are the registry: whatever Parameter, buffer or Module an instance has as an attribute belongs to it, in
the order of assignment.  No list is kept beside them, so nothing can get out of step, and a subclass that forgets
``super().__init__()`` works all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

import numpy as np

from ..autodiff.calls import OURS, named, of_layer
from ..autodiff.effects import effect
from ..autodiff.foreign import answering
from ..autodiff.hooks import Handle, Hook
from ..autodiff.kinds import Dtype
from ..core import Tensor
from ..core.errors import interrupts
from ..core.modes import current, enter, leave
from ..core.register import hooks
from .hooks import Hooks
from .layouts import Layout, Theirs, join
from .loading import LoadReport, load
from .parameter import Parameter

__all__ = ["Module"]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
M = TypeVar("M", bound="Module")


class _Forward(Protocol[P, R]):
    """What a call of a module takes and returns: the same as its `forward`."""

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


class _Structure:
    """Counts changes to any module's attributes: what was read off a tree of modules holds until it moves."""

    version = 0
    settings = 0  # changes of plain attributes and modes


_READ_OFF = ("_mapped", "_steps", "_fixed")  # caches: of a version of _Structure, or of values, in one process


@effect
def _set_part(module: Module, name: str, value: Any) -> None:
    """Give a module a parameter, a buffer or a module below it, in the place of what had that name."""
    object.__setattr__(module, name, value)


@answering("Module")
@named
class Module:
    """A layer or a whole network.  Subclasses define ``forward``; users call the module itself.

    >>> class Net(nn.Module):
    ...     def __init__(self, rng=None):
    ...         self.conv = nn.Conv2d(1, 8, 3, rng=rng)
    ...         self.out = nn.Linear(8, 10, rng=rng)
    ...
    ...     def forward(self, x):
    ...         return self.out(tg.global_avg_pool2d(tg.relu(self.conv(x))))
    >>> net = Net(rng=0)
    >>> net(images).shape
    (16, 10)
    >>> [name for name, _ in net.named_parameters()]
    ['conv.weight', 'conv.bias', 'out.weight', 'out.bias']

    Arrays or Tensors go in.  What is recorded while a module runs is filed under its path below the module that
    the user called ("features.3"), the same path that its parameters have in `state_dict`; drawings and error
    messages show it.  A module that stands under several names has the first one.
    """

    frozen = False  # by `freeze`
    in_torch: Mapping[str, Layout | Theirs] = {}  # how its arrays stand in PyTorch and Keras, where they differ
    in_keras: Mapping[str, Layout | Theirs] = {}
    keras_name = ""  # of the layer in Keras, as its files number them: "conv2d", "conv2d_1"
    _buffers: frozenset[str] = frozenset()
    _mapped: tuple[int, dict[Module, str]] = (-1, {})
    _hooks: Hooks | None = None
    parametrizations: Any  # of parameters that are computed, by `parametrize`

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith(OURS):
            named(cls)

    def __init__(self) -> None:
        super().__init__()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__}: has no forward. Define forward(self, x) in the class.")

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        before = current()
        below, prefix = before.below, before.prefix
        path = below.get(self)
        if path is None:  # called by the user, or kept by the caller where registration does not see it
            below, prefix, path = self._paths(), before.path, ""
        entered = enter(before, join(prefix, path), prefix, below)
        try:
            return self.forward(*args, **kwargs) if self._hooks is None else self._hooks.run(self, args, kwargs)
        except BaseException as error:
            worded = of_layer(error, self, args, kwargs)
            interrupts(worded, self, args, kwargs, entered.path)
            if worded is error:
                raise
            raise worded from error
        finally:
            leave(before, entered)

    if TYPE_CHECKING:

        def __call__(self: _Forward[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...

    else:
        __call__ = _call

    def _paths(self) -> dict[Module, str]:
        """The path of every module below this one.  Reading it off also names the parameters."""
        version, paths = self._mapped
        if version != _Structure.version:
            paths = {module: name for name, module in self.named_modules() if module is not self}
            for _ in self.named_parameters():
                pass
            object.__setattr__(self, "_mapped", (_Structure.version, paths))
        return paths

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle has of a module: all but what was read off its structure, which moves with time."""
        return {name: value for name, value in vars(self).items() if name not in _READ_OFF}

    # -- attributes -------------------------------------------------------------------------------------------

    def _missing(self, name: str) -> Any:
        """A parameter that is computed, as `parametrize` has it, where no attribute was found; or NotImplemented."""
        computed = vars(self).get("parametrizations")
        return computed.value(name) if computed is not None and name in vars(computed) else NotImplemented

    def __setattr__(self, name: str, value: Any) -> None:
        computed = vars(self).get("parametrizations")
        if computed is not None and isinstance(vars(computed).get(name), Module):
            vars(computed)[name].write(value)
            return
        if isinstance(value, (Module, Parameter)):
            self._check_name(name)
            _Structure.version += 1
        elif name in self._buffers:
            value = _as_buffer(value)
        elif isinstance(value, (list, tuple, dict)) and not name.startswith("_"):
            inside = value.values() if isinstance(value, dict) else value
            if any(isinstance(v, (Module, Parameter)) for v in inside):
                raise TypeError(
                    f"{type(self).__name__}.{name}: modules and parameters in a {type(value).__name__} would not be "
                    f"found. Use nn.ModuleList, nn.ModuleDict or nn.ParameterList, or call it _{name} to leave them "
                    "out on purpose."
                )
        elif isinstance(value, Tensor) and not name.startswith("_") and value.requires_grad and not isinstance(
            vars(self).get(name), Parameter
        ):  # for which there is a better message below
            raise TypeError(
                f"{type(self).__name__}.{name}: a Tensor that requires a gradient would not be found by parameters(). "
                f"Make it nn.Parameter(...), or call it _{name} to leave it out on purpose."
            )
        before = vars(self).get(name)
        if isinstance(before, Parameter) and not isinstance(value, Parameter) and value is not None:
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter; a {type(value).__name__} cannot take its place. "
                f"Use {name}.assign(value) or {name} -= step under tg.no_grad() for new values, or "
                "nn.Parameter(value) for a new parameter."
            )
        if isinstance(before, (Module, Parameter)):
            _Structure.version += 1
        if name in self._buffers or any(isinstance(v, (Module, Parameter)) for v in (before, value)):
            _set_part(self, name, value)
        else:
            object.__setattr__(self, name, value)
            _Structure.settings += 1

    @effect
    def __delattr__(self, name: str) -> None:
        """Remove an attribute, which may be a parameter, a buffer or a module."""
        object.__delattr__(self, name)
        object.__setattr__(self, "_buffers", self._buffers - {name})
        _Structure.version += 1

    def _check_name(self, name: str) -> None:
        who = type(self).__name__
        if not name or "." in name:
            raise ValueError(f"{who}: {name!r} cannot be a name in a module; a name is not empty and has no dot.")
        if hasattr(Module, name):
            raise ValueError(f"{who}: the name {name!r} would hide Module.{name}. Choose another.")

    @named
    def register_buffer(self, name: str, value: Any) -> None:
        """Keep an array that belongs to the module but is not trained, as running statistics do."""
        self._check_name(name)
        object.__setattr__(self, "_buffers", self._buffers | {name})
        setattr(self, name, value)

    # -- what it is made of -----------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, with their names."""
        for name, value in list(vars(self).items()):
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator[Module]:
        """The modules directly below."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below, parents first, each once, with their paths."""
        seen: set[Module] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if module in seen:
                continue
            seen.add(module)
            yield path, module
            stack += reversed([(join(path, name), child) for name, child in module.named_children()])

    def modules(self) -> Iterator[Module]:
        """This module and all below, each once."""
        for _, module in self.named_modules():
            yield module

    def _named(self, kind: Callable[[Module, str, Any], bool], prefix: str) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix):
            for name, value in list(vars(module).items()):
                if kind(module, name, value) and id(value) not in seen:
                    seen.add(id(value))
                    yield join(path, name), value

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters, each once, with their paths; the path becomes the name of those without one."""
        for path, parameter in self._named(lambda m, k, v: isinstance(v, Parameter), prefix):
            parameter.file_under(path)
            yield path, parameter

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once.

        >>> sum(p.size for p in nn.Conv2d(3, 6, 5).parameters())  # 5 * 5 * 3 * 6 and 6
        456
        """
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """All buffers, each once, with their paths."""
        yield from self._named(lambda m, k, v: k in m._buffers and v is not None, prefix)

    def buffers(self) -> Iterator[Tensor]:
        """All buffers, each once."""
        for _, buffer in self.named_buffers():
            yield buffer

    def generators(self) -> Iterator[np.random.Generator]:
        """The random generators that modules keep (dropout does), each once: what a resumed run must restore."""
        for _, rng in self._named(lambda m, k, v: isinstance(v, np.random.Generator), ""):
            yield rng

    def num_parameters(self) -> int:
        """How many numbers are trained; a shared parameter counts once."""
        return sum(parameter.size for parameter in self.parameters())

    # -- changing all of it -----------------------------------------------------------------------------------

    @property
    def training(self) -> bool:
        """Whether it behaves as in training; a frozen module that has buffers never does, so that these stay."""
        return vars(self).get("training", True) and not (self.frozen and self._buffers)

    @training.setter
    def training(self, mode: bool) -> None:
        vars(self)["training"] = bool(mode)
        _Structure.settings += 1

    @named
    def train(self: M, mode: bool = True) -> M:
        """Switch everything to training behaviour (dropout draws, batch norm uses the batch); returns itself.

        >>> layer = nn.Dropout(0.5, rng=0).eval()  # train(False) in one word
        >>> layer(np.ones(4))
        array([1., 1., 1., 1.])
        """
        for module in self.modules():
            object.__setattr__(module, "training", bool(mode))
        _Structure.settings += 1
        return self

    def eval(self: M) -> M:
        """Switch everything to the behaviour of a finished network; returns itself."""
        return self.train(False)

    @named
    @effect
    def zero_grad(self) -> None:
        """Forget the gradients: sets `.grad` of every parameter to None, touches no memory.

        >>> layer = nn.Linear(3, 2, rng=0)
        >>> layer(np.ones((1, 3))).sum().backward()
        >>> layer.zero_grad()
        >>> layer.weight.grad is None
        True
        """
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self: M, value: bool = True) -> M:
        """Train all parameters, or none, and leave running statistics to the mode (see `freeze`); returns itself."""
        for parameter in self.parameters():
            parameter.requires_grad = value
            if not value:
                parameter.grad = None
        return self

    def freeze(self: M) -> M:
        """Keep everything below as it is, whatever trains it, until `unfreeze`; returns itself.

        Parameters require no gradient, so optimisers pass over them.  Modules that have buffers (batch norm) use them
        and leave them alone, after `train()` too.  Dropout goes on drawing in training.

        >>> net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm2d(4), nn.Linear(4, 2, rng=1))
        >>> net[:2].freeze()
        Sequential(
          (0): Linear(3, 4)
          (1): BatchNorm2d(4)
        ) [frozen]
        >>> [m.training for m in net.train()], sum(p.requires_grad for p in net.parameters())
        ([True, False, True], 2)
        """
        return self._freeze(True)

    def unfreeze(self: M) -> M:
        """Train everything below again, as before `freeze`; returns itself."""
        return self._freeze(False)

    def _freeze(self: M, frozen: bool) -> M:
        for module in self.modules():
            object.__setattr__(module, "frozen", frozen)
        _Structure.settings += 1
        return self.requires_grad_(not frozen)

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call ``fn(module)`` on every module below and last on this one; returns itself."""
        for module in reversed(list(self.modules())):
            fn(module)
        return self

    def to(self: M, dtype: Dtype) -> M:
        """Convert parameters and floating buffers to a floating dtype, in place; drops gradients; returns itself."""
        try:
            target = np.dtype(dtype)
        except TypeError:
            device = " Everything runs on the CPU: leave devices out." if isinstance(dtype, str) else ""
            raise TypeError(
                f"{type(self).__name__}.to: {dtype!r} is not a dtype, such as np.float64.{device}"
            ) from None
        if target.kind != "f":
            raise TypeError(f"{type(self).__name__}.to: {target} carries no gradient; use np.float32 or np.float64.")
        for parameter in self.parameters():
            if parameter.dtype != target:
                parameter.convert(target)
        for module in self.modules():
            for name in module._buffers:
                value = getattr(module, name)
                if value is not None and value.dtype.kind == "f" and value.dtype != target:
                    setattr(module, name, value.data.astype(target))
        return self

    # -- hooks ------------------------------------------------------------------------------------------------

    def register_forward_pre_hook(self, fn: Hook) -> Handle:
        """Have ``fn(module, args)`` called before each forward; returns a handle to `remove()` it by.

        What fn returns takes the place of the arguments: a tuple, or the argument itself if there is one.
        """
        return self._hook("before", fn)

    def register_forward_hook(self, fn: Hook) -> Handle:
        """Have ``fn(module, args, output)`` called after each forward; returns a handle to `remove()` it by.

        What fn returns, of the same shape and dtype, takes the place of the output; None leaves it.
        """
        return self._hook("after", fn)

    def register_backward_hook(self, fn: Hook) -> Handle:
        """Have ``fn(module, gradient)`` called with the gradient of each output; returns a handle to `remove()` it by.

        What fn returns, of the same shape and dtype, takes the gradient's place; None leaves it.  For modules that
        return one Tensor.  A module that runs several times has a gradient for each.
        """
        return self._hook("gradient", fn)

    def _hook(self, kind: str, fn: Hook) -> Handle:
        if self._hooks is None:
            object.__setattr__(self, "_hooks", Hooks())
        return Handle(getattr(self._hooks, kind), fn, self._hooks_changed)

    def _hooks_changed(self) -> None:
        """Layers may be fused, or no longer; a module that has lost its last hook is called as if it never had any."""
        _Structure.version += 1
        if self._hooks is not None and not any(vars(self._hooks).values()):
            object.__delattr__(self, "_hooks")

    # -- values -----------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Tensor]:
        return dict(self._named(lambda m, k, v: isinstance(v, Parameter) or (k in m._buffers and v is not None), ""))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, by path; what stands under several names has the first only.

        >>> {name: array.shape for name, array in nn.Conv2d(3, 6, 5).state_dict().items()}
        {'weight': (5, 5, 3, 6), 'bias': (6,)}
        """
        return {name: value.numpy() for name, value in self._state().items()}

    @effect
    @named
    def load_state_dict(self, values: Mapping[str, Any], strict: bool = True) -> LoadReport:
        """Write the arrays of a `state_dict` into this module; nothing is written unless all fits.

        With ``strict=False`` names on one side only are passed over (the report lists them) and values of
        another floating dtype are converted; shapes must fit all the same.

        Raises
        ------
        ValueError : names, shapes or dtypes differ; the message lists every difference.

        Examples
        --------
        >>> a, b = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=1)
        >>> b.load_state_dict(a.state_dict())
        LoadReport(missing=[], unexpected=[])
        >>> bool((a(np.ones(3)).data == b(np.ones(3)).data).all())
        True
        """
        return load(self, self._state(), values, strict)

    def summary(self, input_shape: Any) -> Any:
        """Layers with output shapes, parameters, multiply-adds and activations; as `tg.summary(self, input_shape)`."""
        return hooks["summary"](self, input_shape)

    def __repr__(self) -> str:
        mark = " [frozen]" if self.frozen else ""
        lines = [
            f"({name}): {repr(child).removesuffix(mark)}".replace("\n", "\n  ") for name, child in self.named_children()
        ]
        settings = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({settings}){mark}"
        return f"{type(self).__name__}({settings}\n  " + "\n  ".join(lines) + f"\n){mark}"

    def _repr_html_(self) -> str:
        """For notebooks: the tree of modules, which can be opened, with their parameters."""
        return str(hooks["html"](self))

    def extra_repr(self) -> str:
        """The settings that `repr` shows in brackets; subclasses say what theirs are."""
        return ""


def _as_buffer(value: Any) -> Tensor | None:
    if value is None or (isinstance(value, Tensor) and not value.requires_grad):
        return value
    return Tensor(value.data if isinstance(value, Tensor) else value)
