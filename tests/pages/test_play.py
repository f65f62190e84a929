"""The page to play with, its computing side: right answers for drawings, true feature maps, words for bad input."""

import base64
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import zlib
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygrad_cnn as tg
from tinygrad_cnn.cli import main
from tinygrad_cnn.core.tensor import plain
from tinygrad_cnn.pages import play
from tinygrad_cnn.pages.play.player import Player, PlayError
from tinygrad_cnn.pages.play.routes import routes
from tinygrad_cnn.pages.server import Refused, Server
from tinygrad_cnn.train import predict

pytestmark = pytest.mark.level("default")

ROOT = Path(__file__).parents[2]


def drawn(lines, side=128, pen=0.08):
    """Strokes as the page sends them: dark on white bytes, (side, side, 1)."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    far = np.full((side, side), np.inf)
    for line in lines:
        for (ax, ay), (bx, by) in pairwise(line):
            dx, dy = bx - ax, by - ay
            t = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
            far = np.minimum(far, np.hypot(x - ax - t * dx, y - ay - t * dy))
    return np.where(far <= pen / 2, 0, 255).astype(np.uint8)[..., None]


def text(pixels):
    return base64.b64encode(pixels.tobytes()).decode()


def values(entry):
    """The numbers that an answer's entry stands for, channels first, and how far they may be off."""
    raw = np.frombuffer(base64.b64decode(entry["pixels"]), np.uint8).reshape(entry["shown"])
    step = (entry["high"] - entry["low"]) / 255
    return entry["low"] + raw * step, step


@pytest.fixture(scope="module")
def player(trained):
    return Player(trained)


@pytest.fixture(scope="module")
def server(player):
    with Server(routes(player)) as running:
        yield running


def ask(server, method, path, body=None, kind="application/json"):
    """(status, JSON or bytes)"""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = json.dumps(body) if isinstance(body, (dict, list)) else body
    connection.request(method, server.base + path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, json.loads(data) if answer.headers["Content-Type"] == "application/json" else data


def asked(picture, **more):
    return {"shape": list(picture.shape), "pixels": text(picture), "paper": True, **more}


# -- what the network says ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pen, size, corner", [(0.08, 1, (0, 0)), (0.05, 0.7, (0.05, 0.2)), (0.1, 0.85, (0.1, 0.05))])
def test_digits_drawn_by_hand_are_read(server, strokes, pen, size, corner):
    """At least nine of ten; a seven is surely read if it is crossed, as nearly all in the data set are."""
    said = {}
    for name, lines in strokes.items():
        lines = [[(corner[0] + size * x, corner[1] + size * y) for x, y in line] for line in lines]
        status, answer = ask(server, "POST", "/answer", asked(drawn(lines, pen=pen)))
        assert status == 200 and abs(sum(answer["probabilities"]) - 1) < 1e-4
        said[name] = str(np.argmax(answer["probabilities"]))
    assert said.pop("crossed 7") == "7"
    assert len(said) == 10 and sum(name == answer for name, answer in said.items()) >= 9, said


def test_a_test_image_is_answered_as_predict_does(server, trained):
    _, test = tg.data.digits()
    for x in test.images[:10]:
        picture = np.uint8(np.round(255 * x))
        _, answer = ask(server, "POST", "/answer", asked(picture, paper=None))
        expected = tg.softmax(predict(trained.model(), picture[None] / np.float32(255))[0])
        np.testing.assert_allclose(answer["probabilities"], expected, atol=2e-6)
        assert answer["frame"] == [[1, 0, 0], [0, 1, 0]] and not answer["empty"]


def test_layers_in_order_with_their_true_values(player, trained):
    x = tg.data.digits()[1].images[0]
    layers = player.ask(x, None)["layers"]
    assert [(layer["title"], layer["path"], tuple(layer["shape"])) for layer in layers] == [
        ("convolution 3x3 + relu", "features.0", (8, 8, 32)), ("max pooling 2x2", "features.2", (4, 4, 32)),
        ("convolution 3x3 + relu", "features.3", (4, 4, 64)), ("max pooling 2x2", "features.5", (2, 2, 64)),
        ("dense + relu", "head.1", (64,)), ("dense", "head.4", (10,)),
    ]  # fmt: skip
    model = trained.model()
    made = np.asarray(x[None])
    for layer, part in zip(layers, (model.features[:2], model.features[2:3], model.features[3:5]), strict=False):
        made = plain(part(made))
        found, step = values(layer)
        np.testing.assert_allclose(found, made[0].transpose(2, 0, 1), atol=0.51 * step + 1e-6)
    found, step = values(layers[-1])
    np.testing.assert_allclose(found, predict(model, x[None])[0], atol=0.51 * step + 1e-5)


def test_saliency_is_the_gradient_of_the_logit(player, trained):
    model, x = trained.model(), np.random.default_rng(0).random((8, 8, 1))  # no two alike, so nothing is at a kink
    model.to(np.float64)
    found = player.ask(x.astype(np.float32), 7)["saliency"]
    raw = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8).reshape(found["shape"])
    gradient = (raw - 128.0) / 127 * found["largest"]
    for row, column in ((0, 3), (3, 4), (5, 2), (7, 6)):
        step = np.zeros_like(x)
        step[row, column] = 1e-5
        slope = (predict(model, (x + step)[None]) - predict(model, (x - step)[None]))[0, 7] / 2e-5
        assert abs(gradient[row, column] - slope) < 0.01 * found["largest"]
    assert player.ask(x.astype(np.float32), None)["saliency"] is None


def test_the_model_is_asked_without_a_trace(player):
    before = {name: value.copy() for name, value in player.model.state_dict().items()}
    for label in (None, 3):
        player.ask(np.ones((8, 8, 1), np.float32), label)
    assert all(np.array_equal(before[name], value) for name, value in player.model.state_dict().items())
    assert all(p.grad is None for p in player.model.parameters())
    assert not any(module._hooks for module in player.model.modules())


def test_paper_without_ink_is_told(server):
    status, answer = ask(server, "POST", "/answer", asked(np.full((128, 128, 1), 255, np.uint8), **{"class": 2}))
    assert status == 200 and answer["empty"] and len(answer["layers"]) == 6


def test_blocks_and_colour(fresh):
    player = Player(fresh("resnet8", (16, 16, 3), data="cifar10"))
    answer = player.ask(np.random.default_rng(0).random((16, 16, 3), np.float32), 1)
    titles = [layer["title"] for layer in answer["layers"]]
    assert titles[0] == "convolution 3x3 + batch norm + relu"
    assert titles.count("residual block") == 3 and titles[-1] == "dense"
    assert answer["saliency"]["shape"] == (16, 16) and answer["input"]["shape"] == (16, 16, 3)


def test_large_maps_are_thinned_out(fresh):
    player = Player(fresh("lenet", (224, 224, 1), data="mnist"))
    answer = player.ask(np.random.default_rng(0).random((224, 224, 1), np.float32), None)
    first = answer["layers"][0]
    assert first["shape"] == (224, 224, 6) and first["shown"] == (6, 32, 32)
    assert len(json.dumps(answer)) < 600_000


def test_a_run_that_cannot_be_played_says_why(fresh):
    with pytest.raises(PlayError, match=r"unet gives \(1, 16, 16, 10\) for one image.*Play with a run of a classifier"):
        Player(fresh("unet", (16, 16, 1)))
    with pytest.raises(PlayError, match=r"takes images of 8x8x2; the page draws in grey \(1 channel\)"):
        Player(fresh("lenet", (8, 8, 2)))


def test_weights_that_are_not_finite_are_told(fresh):
    run = fresh()
    weights = run.load_weights()
    run.save_weights({name: np.full_like(value, np.nan) for name, value in weights.items()})
    with pytest.raises(Refused, match="answer is not finite: its weights are damaged"):
        Player(run)


# -- what the page asks ---------------------------------------------------------------------------------------


def test_the_page_comes_from_the_package_alone(server):
    status, page = ask(server, "GET", "/")
    assert status == 200
    asked_for = set(re.findall(r'(?:href|src)="([a-z]+\.[^"]+)"', page.decode()))
    script = ask(server, "GET", "/play.js")[1].decode()
    asked_for |= set(re.findall(r'from "\./([^"]+)"', script))
    assert {"look.css", "play.css", "play.js", "draw.js", "maps.js"} == asked_for
    for path in asked_for:
        assert ask(server, "GET", f"/{path}")[0] == 200
    for file in files(play).iterdir():
        if file.name.startswith("play") and not file.name.endswith(".py"):
            assert set(re.findall(r"https?://[^'\" ]+", file.read_text(encoding="utf-8"))) <= {"http://www.w3.org/2000/svg"}


def test_about(server, trained):
    _, about = ask(server, "GET", "/about")
    assert about["classes"] == list("0123456789") and about["shape"] == [8, 8, 1] and about["samples"]
    assert about["parameters"] == sum(p.size for p in trained.model().parameters())


def test_samples_come_from_the_test_part(server, player, fresh):
    _, sample = ask(server, "GET", "/sample")
    pixels = np.frombuffer(base64.b64decode(sample["pixels"]), np.uint8).reshape(sample["shape"])
    _, test = tg.data.digits()
    same = (np.abs(test.images - pixels / 255).max(axis=(1, 2, 3)) < 0.003) & (test.labels == int(sample["label"]))
    assert same.any()
    with Server(routes(Player(fresh("lenet", (28, 28, 1), data="mnist")))) as other:  # nothing is downloaded for it
        assert not ask(other, "GET", "/about")[1]["samples"]
        assert ask(other, "GET", "/sample")[0] == 404


GOOD = {"shape": [8, 8, 1], "pixels": text(np.zeros((8, 8, 1), np.uint8))}
BAD = [
    ([], "an object with shape and pixels, not []"),
    ({}, "shape is null; it must be [height, width, 1], with sides of 1 to 512 pixels"),
    ({**GOOD, "shape": [8, 8]}, "shape is [8, 8]"),
    ({**GOOD, "shape": [8, 8, 3]}, "shape is [8, 8, 3]"),
    ({**GOOD, "shape": [100_000, 100_000, 1]}, "shape is [100000, 100000, 1]"),
    ({**GOOD, "shape": [0, 8, 1]}, "shape is [0, 8, 1]"),
    ({**GOOD, "shape": [8.0, 8, 1]}, "shape is [8.0, 8, 1]"),
    ({**GOOD, "shape": "x" * 1000}, "..."),
    ({**GOOD, "shape": [8, 9, 1]}, "8x9x1 has 72 bytes, but 64 came"),
    ({**GOOD, "pixels": None}, "must be bytes, as base64 text"),
    ({**GOOD, "pixels": "ä"}, "must be bytes, as base64 text"),
    ({**GOOD, "pixels": [0.5] * 64}, "must be bytes, as base64 text"),
    ({**GOOD, "class": 10}, "class is 10; it must be null or a whole number from 0 to 9"),
    ({**GOOD, "class": True}, "class is true"),
    ({**GOOD, "class": "3"}, 'class is "3"'),
    ({**GOOD, "paper": 1}, "paper is 1; it must be true, false or null"),
]


@pytest.mark.parametrize("wanted, words", BAD, ids=range(len(BAD)))
def test_bad_questions_are_answered_in_words(server, wanted, words):
    status, answer = ask(server, "POST", "/answer", wanted)
    assert status == 422 and words in answer["error"]
    assert ask(server, "POST", "/answer", GOOD)[0] == 200


def test_broken_json_and_nan(server):
    for body in ("{", '{"shape": [8, 8, NaN], "pixels": ""}', '{"class": Infinity}'):
        status, answer = ask(server, "POST", "/answer", body)
        assert status == 400 and "not valid JSON" in answer["error"]
    assert ask(server, "POST", "/answer", "x" * 3_000_000)[0] == 413
    assert ask(server, "POST", "/answer", GOOD)[0] == 200


def image(array, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


def test_uploads_come_back_as_pixels(server, strokes):
    picture = drawn(strokes["5"], side=300)[..., 0]
    for kind in ("PNG", "JPEG"):
        status, answer = ask(server, "POST", "/picture", image(picture, kind), f"image/{kind.lower()}")
        assert status == 200 and answer["shape"] == [256, 256, 1]
        _, answer = ask(server, "POST", "/answer", {**answer, "paper": None})
        assert np.argmax(answer["probabilities"]) == 5
    wide = np.zeros((50, 400, 3), np.uint8)
    wide[:, :200] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    _, answer = ask(server, "POST", "/picture", image(wide, exif=exif), "image/png")
    assert answer["shape"] == [256, 32, 1]


def test_an_image_of_the_data_set_is_not_touched(server):
    x = np.uint8(255 * tg.data.digits()[1].images[0])
    _, answer = ask(server, "POST", "/picture", image(x[..., 0]), "image/png")
    assert answer == {"shape": [8, 8, 1], "pixels": text(x)}


def bomb():
    """A PNG whose header says 60,000 x 60,000 pixels, and hardly more."""
    data = bytearray(image(np.zeros((8, 8), np.uint8)))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def test_bad_uploads_are_answered_in_words(server):
    whole = image(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8))
    uploads = [
        (whole[:200], "image/png", 422, "the picture: not a readable PNG"),
        (b"hello", "image/png", 422, "not a readable PNG"),
        (b"", "image/png", 422, "not a readable PNG"),
        (whole, "text/plain", 415, "the content type is text/plain; image/png or image/jpeg"),
        (b"<svg/>", "image/svg+xml", 415, "the content type is image/svg+xml"),
        (bomb(), "image/png", 422, "the picture: too many pixels to be a sane picture"),
        (image(np.zeros((8000, 8000), bool)), "image/png", 422, "8,000 x 8,000 are more than 25,000,000. Make it"),
        (bytes(33 << 20), "image/png", 413, "34,603,008 bytes are too many; at most 33,554,432 are taken"),
    ]
    for body, kind, status, words in uploads:
        found, answer = ask(server, "POST", "/picture", body, kind)
        assert found == status and words in answer["error"], (words, answer)
    assert ask(server, "POST", "/picture", whole, "image/png")[0] == 200


def test_without_pillow_uploads_are_refused_and_drawing_goes_on(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    status, answer = ask(server, "POST", "/picture", b"x", "image/png")
    assert status == 501 and "pip install 'tinygrad-cnn[app]'" in answer["error"]
    assert ask(server, "POST", "/answer", GOOD)[0] == 200


# -- the command ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to a single process on Windows")
def test_the_command_serves_until_ctrl_c(trained):
    started = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_cnn", "play", str(trained.path), "--no-browser"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored if the tests run in the background
    )  # fmt: skip
    try:
        line = started.stdout.readline()
        port, path = re.search(r"http://127\.0\.0\.1:(\d+)(/\S+/) ", line).groups()
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        connection.request("GET", path)
        assert b"Play with" in connection.getresponse().read()
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=60)
        connection.close()
    finally:
        started.kill()
        started.wait()
    assert (started.returncode, out, err.strip()) == (130, "", "tinygrad-cnn: stopped by Ctrl-C.")


def test_the_command_refuses_in_one_line(tmp_path, trained, server, fresh, capsys):
    refusals = [
        ([tmp_path / "none"], 1, "there is no run folder"),
        ([trained.path, "--port", server.port], 1, f"port {server.port} of 127.0.0.1 is in use"),
        ([trained.path, "--port", 70_000], 2, "70000"),
        ([fresh("unet", (16, 16, 1)).path], 1, "it sorts no pictures"),
    ]
    for arguments, code, words in refusals:
        with pytest.raises(SystemExit) as left:
            main(["play", *map(str, arguments), "--no-browser"])
        out, err = capsys.readouterr()
        assert left.value.code == code and out == "" and err.count("\n") == 1 and words in err, err
