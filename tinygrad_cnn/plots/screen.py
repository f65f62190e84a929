"""matplotlib's pyplot for scripts that draw charts of their own: there, new enough, and able to open its windows."""

from __future__ import annotations

from types import ModuleType

__all__ = ["pyplot"]

OLDEST = (3, 8)


def pyplot() -> ModuleType:
    """``matplotlib.pyplot``, after a look at what could be wrong with it.

    ``plt = tg.plots.pyplot()`` is ``import matplotlib.pyplot as plt`` for scripts that should end with one clear line,
    and before they have computed anything.

    Returns
    -------
    The module.

    Raises
    ------
    ImportError : there is no matplotlib, it is older than 3.8, or its backend cannot open windows here.
    """
    try:
        import matplotlib

        found = getattr(matplotlib, "__version__", "of no version")
        if _numbers(found) < OLDEST:
            wanted = f"{'.'.join(map(str, OLDEST))} or newer is needed"
            raise _TooOldError(f"matplotlib is {found}, {wanted}: pip install -U 'tinygrad-cnn[app]'.")
        import matplotlib.pyplot as plt

        if not plt.get_fignums():
            plt.switch_backend(plt.get_backend())  # fails now, not in the middle, if it opens windows and cannot
    except _TooOldError:
        raise
    except ModuleNotFoundError as error:
        raise ImportError(f"pictures need matplotlib ({error}): pip install 'tinygrad-cnn[app]'.") from None
    except (ImportError, ValueError) as error:
        raise ImportError(f"matplotlib cannot draw here: {error}. To go without windows, set MPLBACKEND=Agg.") from None
    return plt


class _TooOldError(ImportError):
    """Told as it is."""


def _numbers(version: str) -> tuple[int, ...]:
    """(3, 8) of "3.8.2"."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
