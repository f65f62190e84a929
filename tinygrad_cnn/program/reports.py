"""What methods of Tensor and Module report while a program is recorded: reads of values, and what makes Tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..core import Tensor
from ..nn import Module
from . import watched
from .recorder import Recorder

READS = {  # of a Tensor, by what they are called in messages
    "item": "item()", "tolist": "tolist()", "__float__": "float()", "__int__": "int()", "__bool__": "a condition",
    "__index__": "an index", "__round__": "round()", "__trunc__": "math.trunc()", "__floor__": "math.floor()",
    "__ceil__": "math.ceil()", "__format__": "a format", "__repr__": "printing", "_repr_html_": "showing",
    "__contains__": "in", "__array__": "np.asarray",
}  # fmt: skip
REMEDY = (
    "Read it outside of the function, from a Tensor that it returns; choose between values with tg.where. A program "
    "replays ops, not what Python does with their values."
)


class Reports:
    """Makes of a method one that reports to a recorder; each of these methods is named after the one it takes."""

    def __init__(self, recorder: Recorder, mine: Callable[[], bool]) -> None:
        self.recorder, self.mine = recorder, mine

    def _listens(self) -> bool:
        return self.mine() and not self.recorder.depth

    def reading(self, how: str) -> Callable[[Any], Any]:
        """For methods that give values to Python, which a message calls `how`."""

        def make(plain: Any) -> Any:
            @wraps(plain)
            def read(t: Tensor, *args: Any, **named: Any) -> Any:
                if not self._listens():
                    return plain(t, *args, **named)
                self.recorder.refuse(f"Python reads the value of a Tensor ({how})", REMEDY)
                return self.recorder.inside(plain, t, *args, **named)

            return read

        return make

    def init(self, plain: Any) -> Any:
        """A Tensor is made."""

        @wraps(plain)
        def init(t: Tensor, *args: Any, **named: Any) -> None:
            plain(t, *args, **named)
            if self.mine():
                self.recorder.tensor(t, args[0] if args else named["data"])

        return init

    def data(self, plain: Any) -> Any:
        """The values are looked at: by the user's code as an array that reports."""

        def data(t: Tensor) -> Any:
            if not self._listens():
                return plain.fget(t)
            self.recorder.of(t._data, t)
            return self._shown(plain.fget(t))

        return property(data, plain.fset)

    def grad(self, plain: Any) -> Any:
        """The gradient is looked at."""

        def grad(t: Tensor) -> Any:
            g = plain.fget(t)
            return self.recorder.gradient(t, g) if self._listens() else g

        return property(grad, plain.fset)

    def numpy(self, plain: Any) -> Any:
        """The values are copied."""

        @wraps(plain)
        def numpy(t: Tensor) -> Any:
            y = plain(t)
            if not self._listens():
                return y
            self.recorder.emit("numpy", np.array, "array", [self.recorder.of(t._data, t)], {}, y)
            return self._shown(y)

        return numpy

    def detach(self, plain: Any) -> Any:
        """A second Tensor gets the array."""

        @wraps(plain)
        def detach(t: Tensor) -> Any:
            if self._listens():
                self.recorder.of(t._data, t)
            return plain(t)

        return detach

    def call(self, plain: Any) -> Any:
        """A module is called."""

        @wraps(plain)
        def call(module: Module, *args: Any, **named: Any) -> Any:
            if self.mine():
                self.recorder.ran(module)
            return plain(module, *args, **named)

        return call

    def _shown(self, values: np.ndarray) -> Any:
        return values if self.recorder.called_by_us() else watched.watch(values)
