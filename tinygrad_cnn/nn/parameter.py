"""Parameter: a Tensor that a module trains."""

from __future__ import annotations

from typing import Any

from ..autodiff.effects import effect
from ..autodiff.kinds import Dtype
from ..core import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A leaf Tensor with ``requires_grad=True``; a module that has one as an attribute lists it.

    Parameters
    ----------
    data : array, number or nested list, floating.
    name : for drawings and messages; None lets the module give it its path, as in "features.3.weight".

    Examples
    --------
    >>> layer = nn.Module()
    >>> layer.scale = nn.Parameter(np.ones(3), name="scale")
    >>> [name for name, _ in layer.named_parameters()]
    ['scale']
    """

    __slots__ = ("_auto_named",)

    def __init__(
        self, data: Any, *, dtype: Dtype = None, requires_grad: bool = True, name: str | None = None, copy: bool = True
    ) -> None:
        super().__init__(data, dtype=dtype, requires_grad=requires_grad, name=name, copy=copy)
        self._auto_named = name is None

    def file_under(self, path: str) -> None:
        """Take a path as name, unless the user chose a name or it has a longer path that ends so already."""
        if self._auto_named and not f".{self.name or ''}".endswith(f".{path}"):
            self.name = path

    @effect
    def convert(self, dtype: Dtype) -> None:
        """Change the dtype, in place: optimisers and modules keep the same object.  The gradient is dropped."""
        auto, note = self._auto_named, self.node.note
        self.__init__(self.data, dtype=dtype, requires_grad=self.requires_grad, name=self.name)  # type: ignore[misc]
        self._auto_named, self.node.note = auto, note  # hooks stay
