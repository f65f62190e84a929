"""Small pictures as text: pixels in a PNG inside the page, which enlarges them itself, in light and in dark."""

from __future__ import annotations

import base64
import io

import numpy as np

BLUE, ORANGE = (0, 114, 178), (213, 94, 0)  # of Okabe and Ito; seen on white and on black


def png(array: np.ndarray) -> str:
    """An array (H,W), (H,W,3) or (H,W,4) of bytes as a data URI.  Enlarging is left to the page."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("pictures need Pillow: pip install 'tinygrad-cnn[app]'") from None
    memory_file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(memory_file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(memory_file.getvalue()).decode("ascii")


def pixels(image: np.ndarray) -> np.ndarray:
    """An image (H,W,C) as bytes: colours if C is 3, else greys; values beyond 0..1 are stretched to it."""
    values = np.nan_to_num(np.asarray(image, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = values.min(initial=0.0), values.max(initial=0.0)
    if low < 0 or high > 1:
        values = (values - low) / ((high - low) or 1.0)
    values = values if values.shape[-1] == 3 else values.mean(axis=-1)
    return np.uint8(np.rint(255 * values))


def signed(values: np.ndarray, reach: float) -> np.ndarray:
    """Signed values (H,W) as (H,W,4) bytes: blue below zero, orange above, clear at zero, full at `reach`."""
    shown = np.where((values < 0)[..., None], np.array(BLUE), np.array(ORANGE))
    alpha = np.uint8(np.rint(255 * np.clip(np.abs(np.nan_to_num(values)) / (reach or 1.0), 0, 1)))
    return np.concatenate([shown, alpha[..., None]], axis=-1).astype(np.uint8)
