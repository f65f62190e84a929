"""Pictures from files, through Pillow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autodiff.calls import named
from ..autodiff.numbers import is_whole, wholes
from ..io.checked import open_file
from ..io.errors import FileFormatError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")  # plain pixels only: no format that runs programs or holds pages
LONGEST = 65535  # pixels of a side
PIXELS = 25_000_000  # that pages and commands take, which decode pictures of strangers
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
SMOOTH = ("L", "RGB", "YCbCr", "CMYK")  # whose pixels can be averaged as they are in the file


@named
def load_image(
    path: str | os.PathLike[str], size: int | tuple[int, int] | None = None, channels: int | None = None
) -> np.ndarray:
    """A picture as (H,W,C) float32 in [0, 1].

    Parameters
    ----------
    path : a PNG, JPEG, BMP, GIF (its first frame) or WebP file; turned upright as its camera noted.
    size : (height, width), or one number for both: resized to it, without regard to proportions, by antialiased
        bilinear interpolation.  None keeps the size.
    channels : 1 grey, 3 RGB, 4 RGBA; None: 1 for grey pictures, else 3.  Unless 4, transparent pictures are laid on
        white.  16-bit greys are rounded to 8 bits.

    Raises
    ------
    ImportError : Pillow is missing.
    FileFormatError : not one of these formats, damaged, or too large (a "decompression bomb").
    """
    name = os.fspath(path)
    check_size(size)
    with open_file(path, "an image") as file:
        return decode_image(file, size, channels, name=name)


def decode_image(
    file: Any,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    *,
    name: str = "the picture",
    pixels: int | None = None,
    within: int | None = None,
) -> np.ndarray:
    """As `load_image`, from a path or an open binary file; messages call it `name`.

    `pixels` is the most that the picture may have, checked before any is decoded; None: as Pillow thinks sane.
    `within` makes a larger picture smaller, its proportions kept, so that no side is longer; before it is converted, so
    that a large one takes little memory.
    """
    if channels is not None and not (is_whole(channels) and channels in MODES):
        raise ValueError(f"load_image: channels must be 1, 3, 4 or None, got {channels!r}.")
    pair = check_size(size)
    picture = _opened(file, name, pixels, lambda opened: _converted(opened, channels, within))
    from PIL import Image

    if pair is not None:
        picture = picture.resize(pair[::-1], Image.Resampling.BILINEAR)
    values = np.asarray(picture)
    values = values[..., None] if values.ndim == 2 else values
    return np.divide(values, np.float32(255), dtype=np.float32)


def decode_mask(file: Any, size: int | tuple[int, int] | None = None, *, name: str = "the mask") -> np.ndarray:
    """The class of each pixel, (H,W) whole numbers: the values of a grey picture, or the colours' numbers of a palette.

    From a path or an open binary file; resized to the nearest pixel.  FileFormatError for a picture in true colour.
    """
    pair = check_size(size)
    picture = _opened(file, name, None, _upright)
    from PIL import Image

    if picture.mode not in ("1", "L", "P") and not picture.mode.startswith("I"):
        raise FileFormatError(
            f"{name}: a mask is a grey picture, or one with a palette, whose values are class indices; "
            f"this one has mode {picture.mode}."
        )
    if pair is not None:
        picture = picture.resize(pair[::-1], Image.Resampling.NEAREST)
    values = np.asarray(picture)
    return values.astype(np.uint8) if values.dtype.kind == "b" else values


def _opened(file: Any, name: str, pixels: int | None, convert: Callable[[Any], Any]) -> Any:
    """What `convert` makes of a picture while its file is open; all that can be wrong with it is a FileFormatError."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("load_image needs Pillow: pip install 'tinygrad-cnn[app]'.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as opened:
                if pixels is not None and opened.width * opened.height > pixels:
                    raise Image.DecompressionBombError(
                        f"{opened.width:,} x {opened.height:,} are more than {pixels:,}. Make it smaller."
                    )
                return convert(opened)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileFormatError(f"{name}: too many pixels to be a sane picture: {error}") from None
    except PermissionError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen types for damaged files
        raise FileFormatError(f"{name}: not a readable {', '.join(FORMATS)} image ({_reason(error)}).") from None


def _upright(picture: Any) -> Any:
    """Turned as its camera noted, and read from the file."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _converted(picture: Any, channels: int | None, within: int | None) -> Any:
    """Upright, 8 bits, with the channels that were asked for, no side longer than `within`."""
    from PIL import Image

    if within is not None and picture.mode in SMOOTH and max(picture.size) > within:
        if picture.format == "JPEG":
            picture.draft(picture.mode, (2 * within, 2 * within))  # decodes fewer pixels
        picture.thumbnail((within, within), Image.Resampling.BILINEAR)
    picture = _upright(picture)
    if picture.mode.startswith("I"):  # 16-bit grey
        values = np.asarray(picture).astype(np.float64) / 257
        picture = Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))
    if channels is None:
        channels = 1 if picture.mode in ("1", "L", "LA") else 3
    if channels != 4 and (picture.mode in ("LA", "RGBA", "PA") or "transparency" in picture.info):
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    picture = picture.convert(MODES[channels])
    if within is not None:
        picture.thumbnail((within, within), Image.Resampling.BILINEAR)
    return picture


def check_size(size: Any, who: str = "load_image") -> tuple[int, int] | None:
    """A size as (height, width), or None."""
    if size is None:
        return None
    height, width = wholes(who, "size", size, count=2, form="(height, width)", equal=True)
    if max(height, width) > LONGEST:
        raise ValueError(f"{who}: size={size!r} is too large; a side has at most {LONGEST} pixels.")
    return height, width


def _reason(error: Exception) -> str:
    words = str(error) or type(error).__name__
    return "unknown or damaged format" if words.startswith("cannot identify image file") else words
