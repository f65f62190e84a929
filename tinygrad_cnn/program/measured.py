"""Numbers that an effect returned while a program is recorded: they may be returned, and nothing else."""

from __future__ import annotations

from typing import Any


class Measured(float):
    """A float that reports when Python uses it."""

    recorder: Any = None

    def used(self) -> None:
        """Refuse the program if it is still recorded."""
        if self.recorder is not None and self.recorder.active:
            self.recorder.refuse(
                "a number that an effect returned, such as a norm, is used by Python",
                "Return it, and look at it outside of the function.",
            )


def _reporting(name: str) -> Any:
    plain = getattr(float, name)

    def method(self: Measured, *args: Any) -> Any:
        self.used()
        return plain(self, *args)

    method.__name__ = name
    return method


_ARITHMETIC = "add sub mul truediv floordiv mod pow divmod"
_OTHERS = "neg pos abs lt le gt ge eq ne bool int float round trunc floor ceil format repr str"
for _name in [f"{r}{word}" for word in _ARITHMETIC.split() for r in ("", "r")] + _OTHERS.split():
    setattr(Measured, f"__{_name}__", _reporting(f"__{_name}__"))
Measured.__hash__ = float.__hash__  # type: ignore[method-assign]
