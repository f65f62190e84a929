"""Small pictures as text: pixels in a PNG inside the page, which enlarges them itself, in light and in dark."""

from __future__ import annotations

import numpy as np

from ...plots import figures

BLUE, VERMILION = (np.frombuffer(bytes.fromhex(c[1:]), np.uint8) for c in (figures.BLUE, figures.VERMILION))


def pixels(image: np.ndarray) -> np.ndarray:
    """An image (H,W,C) as bytes: colours if C is 3, else greys; values beyond 0..1 are stretched to it."""
    return np.uint8(np.rint(255 * figures.photograph(image)["X"]))


def signed(values: np.ndarray, reach: float) -> np.ndarray:
    """Signed values (H,W) as (H,W,4) bytes: blue below zero, vermilion above, clear at zero, full at `reach`."""
    shown = np.where((values < 0)[..., None], BLUE, VERMILION)
    alpha = np.uint8(np.rint(255 * np.clip(np.abs(np.nan_to_num(values)) / (reach or 1.0), 0, 1)))
    return np.concatenate([shown, alpha[..., None]], axis=-1).astype(np.uint8)
