"""Find an installation whose compiled kernels are hidden by the sources that Python imported instead.

Python started in a clone of the repository imports the sources there.  If the kernels were not built in that folder,
the installed package with its kernels is hidden, and everything runs several times slower than it could.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

HERE = Path(__file__).absolute().parent
ROOT = HERE.parents[2]  # the folder that holds the package


def notice() -> str:
    """Say which folder was imported, which installation has the kernels, and what to do; "" if none is hidden."""
    if any(ROOT.glob("tinygrad_cnn-*.dist-info")):  # an installation too: it was not imported by mistake
        return ""
    for entry in sys.path:
        folder = os.path.join(os.path.abspath(entry), HERE.relative_to(ROOT))  # an empty entry is the current folder
        built = any(os.path.isfile(os.path.join(folder, f"_native{suffix}")) for suffix in EXTENSION_SUFFIXES)
        if built and os.path.realpath(folder) != os.path.realpath(HERE):
            build = f', or run: pip install -e "{ROOT}"' if (ROOT / "setup.py").is_file() else ""
            return (
                f"the package was imported from {ROOT}, which has no compiled kernels, while the installation in "
                f"{os.path.abspath(entry)} has them. Start Python from another folder{build}"
            )
    return ""
