"""PNG files, written with the standard library only."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # of PNG, by the number of channels: grey, colour, colour with transparency


def png(pixels: Any) -> bytes:
    """A PNG file of 8-bit pixels: grey (H,W) or (H,W,1), colour (H,W,3), colour with transparency (H,W,4)."""
    height, width = pixels.shape[:2]
    colour = COLOUR_TYPES[1 if pixels.ndim == 2 else pixels.shape[2]]
    rows = np.ascontiguousarray(pixels, np.uint8).reshape(height, -1)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)  # each line says that it is not filtered
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_uri(pixels: Any) -> str:
    """The PNG file of `pixels` as an address that holds it, for pages without other files."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")
