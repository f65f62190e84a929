"""Opening a page in the user's browser."""

from __future__ import annotations

import os
import sys
import webbrowser


def open_page(url: str) -> bool:
    """Open a page where there is a screen; whether that was done.

    In a terminal alone, a browser for text would take the terminal over.
    """
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and webbrowser.open(url)
