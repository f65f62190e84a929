"""How many threads compute: those of the compiled kernels, and those of the BLAS behind NumPy's matmul."""

from __future__ import annotations

from ..kernels import native


def set_threads(n: int) -> str | None:
    """Compute with `n` threads from now on; what could not be set, in words, else None."""
    native.set_num_threads(n)
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return "the threads of NumPy's BLAS stay as they are; pip install threadpoolctl to set them"
    threadpool_limits(n)
    return None


def blas() -> list[str]:
    """The BLAS libraries that are loaded, with their threads, in words."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ["unknown: pip install threadpoolctl"]
    return [
        f"{pool['internal_api']} {pool['version'] or ''}, {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ] or ["none that threadpoolctl knows"]
