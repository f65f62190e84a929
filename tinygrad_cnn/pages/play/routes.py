"""A page to play with a trained network: one draws, and sees what every layer makes of it, as one draws.

The page (``play.html``, ``play.css``, ``play*.js`` beside this file) sends the drawing's pixels; this side makes them
like the data set's, asks the `Player`, and sends its answer.  Uploads are decoded here, after their size is known.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ...data.images import PIXELS, decode_image
from ...data.prepare import STYLES, prepare
from ...graphs.page import look
from ...io.errors import FileFormatError
from ...train import recipes
from ..server import Handler, Post, Refused, Request, Response, Routes, json_response
from .player import Player, by, packed

SIDE = 512  # pixels along each side of a picture that the page sends, at most
SHOWN = 256  # of an uploaded picture, for the page to draw on
DECODED = 2  # uploads at a time, since each may take hundreds of megabytes
UPLOAD = 32 << 20  # bytes
IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp")
FILES = {"/": "play.html", "/play.css": "play.css", "/play.js": "play.js", "/draw.js": "play_draw.js",
         "/maps.js": "play_maps.js"}  # fmt: skip
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


def routes(player: Player) -> Routes:
    """The page and its questions, for a `Server`."""
    samples = _samples(player)
    about = {
        "run": player.run.path.name, "model": str(player.run.config.get("model")), "data": str(player.data),
        "classes": player.classes, "shape": player.shape, "bright": player.data in STYLES,
        "samples": samples is not None, "parameters": player.model.num_parameters(), "upload": UPLOAD,
    }  # fmt: skip
    return {
        **{("GET", path): _file(name) for path, name in FILES.items()},
        ("GET", "/look.css"): lambda _: Response(look(), "text/css; charset=utf-8"),
        ("GET", "/about"): lambda _: json_response(about),
        ("GET", "/sample"): _sample(samples, player),
        ("POST", "/answer"): Post(_answer(player), limit=4 * SIDE * SIDE * player.shape[2]),
        ("POST", "/picture"): Post(_picture(player), accepts=IMAGES, limit=UPLOAD, parallel=DECODED),
    }


def _file(name: str) -> Handler:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return lambda _: Response(text, f"{KINDS[name.rpartition('.')[2]]}; charset=utf-8")


def _answer(player: Player) -> Handler:
    def answer(request: Request) -> Response:
        """What the network says about the drawing as it is now, and where in the drawing its input lies."""
        picture, paper, label = _wanted(request.json(), player)
        prepared = prepare(picture, player.shape, player.data, paper=paper)
        empty = player.data in STYLES and not prepared.x.any()
        answer = player.ask(prepared.x, label)
        return json_response({**answer, "frame": prepared.frame.tolist(), "empty": empty})

    return answer


def _picture(player: Player) -> Handler:
    def picture(request: Request) -> Response:
        """An uploaded picture's pixels, upright and not too large, for the page to show and to send on."""
        file = io.BytesIO(request.body)
        try:
            x = decode_image(file, channels=player.shape[2], name="the picture", pixels=PIXELS, within=SHOWN)
        except ImportError as error:
            raise Refused(501, str(error)) from None
        except FileFormatError as error:
            raise Refused(422, str(error)) from None
        return json_response(_pixels(x))

    return picture


def _sample(samples: Any, player: Player) -> Handler:
    def sample(_: Request) -> Response:
        """A test image, drawn at random, and its class."""
        if samples is None:
            raise Refused(404, "the test images of this run's data set are not on this machine.")
        x, label = samples[int(np.random.default_rng().integers(len(samples)))]
        return json_response({**_pixels(x), "label": player.classes[label]})

    return sample


def _pixels(x: np.ndarray) -> dict[str, Any]:
    return {"shape": x.shape, "pixels": packed(np.uint8(np.round(255 * x)))}


def _wanted(wanted: Any, player: Player) -> tuple[np.ndarray, bool | None, int | None]:
    """The picture (H,W,C) in [0, 1], whether it is ink on paper, the chosen class; or `Refused`, in words."""
    if not isinstance(wanted, dict):
        raise Refused(422, f"/answer takes an object with shape and pixels, not {_brief(wanted)}.")
    paper = _checked(wanted, "paper", "true, false or null", lambda v: v is None or isinstance(v, bool))
    classes = len(player.classes)
    label = _checked(wanted, "class", f"null or a whole number from 0 to {classes - 1}",
                     lambda v: v is None or (type(v) is int and 0 <= v < classes))  # fmt: skip
    h, w, c = _checked(wanted, "shape", f"[height, width, {player.shape[2]}], with sides of 1 to {SIDE} pixels",
                       lambda v: _is_shape(v) and v[2] == player.shape[2])  # fmt: skip
    try:
        data = base64.b64decode(wanted.get("pixels", ""), validate=True)
    except (TypeError, ValueError):
        raise Refused(422, "the picture's pixels must be bytes, as base64 text.") from None
    if len(data) != h * w * c:
        raise Refused(422, f"a picture of {by((h, w, c))} has {h * w * c:,} bytes, but {len(data):,} came.")
    pixels = np.frombuffer(data, np.uint8).reshape(h, w, c)
    return np.divide(pixels, np.float32(255), dtype=np.float32), paper, label


def _checked(wanted: dict[str, Any], name: str, rule: str, holds: Callable[[Any], bool]) -> Any:
    value = wanted.get(name)
    if not holds(value):
        raise Refused(422, f"the picture's {name} is {_brief(value)}; it must be {rule}.")
    return value


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(type(n) is int and 1 <= n <= SIDE for n in value)


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _samples(player: Player) -> Any:
    """The test part of the run's data set, if it is on this machine: nothing is downloaded for a page."""
    folder = player.run.config.get("data_dir")
    if player.data != "digits" and not (player.data in recipes.RECIPES and folder and Path(folder).is_dir()):
        return None
    try:
        _, test = recipes.load(player.data, Path(folder) if folder else None)
    except (OSError, ValueError):
        return None
    return test if tuple(test.image_shape) == player.shape and list(test.classes) == player.classes else None
