"""How a notebook shows Tensors and Modules."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.graphs import html_of
from tinygrad_cnn.graphs.thumbnails import BROKEN, FEW, LARGEST, thumbnails

RNG = np.random.default_rng(0)
VOID = {"img", "br"}


class Page(HTMLParser):
    """Text and tags of a page, whose tags must close in order."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(source)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def shown(value):
    source = value._repr_html_()
    assert not re.search(r"<script|<link|https?:|\bon\w+=", source)  # nothing runs, nothing is loaded
    assert not re.search(r"(?<!-)\bcolor:", source)  # text has the page's own colour, light or dark
    return Page(source)


def pixels(uri):
    assert uri.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


# -- tensors --------------------------------------------------------------------------------------------------


def test_a_tensor_tells_what_it_is():
    t = tg.Tensor(RNG.standard_normal((3, 50)).astype(np.float32), requires_grad=True, name="w")
    page = shown(t)
    assert page.text.startswith("Tensor w (3, 50) float32 requires_grad")
    for words in ("mean ± deviation", "range", "norm", "150 numbers, 600 bytes"):
        assert words in page.text
    assert len(page.all("rect")) == 12 and not page.all("img")
    counts = [int(n) for n in re.findall(r"to \S+: (\d+)", page.text)]
    assert sum(counts) == 150
    assert "gradient" not in page.text and "made at" not in page.text
    (t * 2.0).sum().backward()
    assert "gradient norm 24.5" in shown(t).text


def test_a_result_tells_which_op_made_it_and_where():
    with tg.scope("block"):
        y = tg.exp(tg.Tensor([1.0], requires_grad=True))
    assert "from exp (block)" in shown(y).text and "test_display.py:" in shown(y).text
    assert "value 2.72" in shown(y).text
    with tg.no_grad():
        z = tg.exp(tg.Tensor([1.0], requires_grad=True))
    assert "no history: no_grad" in shown(z).text


@pytest.mark.parametrize(
    "value",
    [3.5, True, [], np.zeros((0, 3)), np.arange(5), np.array([np.nan, 1, np.inf]), np.full((9, 9), np.nan),
     np.full(4, 2.0), np.array([1e308, -1e308])],
    ids=str,
)  # fmt: skip
def test_whatever_the_values_are(value):
    assert "float" in shown(tg.Tensor(value)).text or tg.Tensor(value).dtype.kind in "bic"


def test_nan_and_inf_are_told():
    text = shown(tg.Tensor([np.nan, 1.0, np.inf, 0.0])).text
    assert "⚠ 25% NaN" in text and "⚠ 25% Inf" in text and "zero 25%" in text


def test_names_and_settings_are_escaped():
    evil = "<script>alert('&\"')</script>"
    assert evil in shown(tg.Tensor([1.0], name=evil)).text

    class Odd(nn.Module):
        def extra_repr(self):
            return evil

    assert evil in shown(Odd()).text and evil in shown(nn.Sequential(Odd())).text


def test_repr_is_text_as_before():
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    assert repr(t) == "Tensor([1., 2.], dtype=float32, requires_grad=True)"
    assert repr(t) in shown(t).text  # under "values"
    assert repr(nn.ReLU()) == "ReLU()"


def test_only_tensors_and_modules_are_shown():
    with pytest.raises(TypeError, match="html_of: shows a Tensor or a Module, got list"):
        html_of([1])


# -- pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((8, 8), 1), ((20, 30, 1), 1), ((20, 30, 3), 1), ((5, 8, 8, 1), 5), ((40, 8, 8, 3), FEW),
        ((8,), 0), ((64, 10), 0), ((3, 8, 8), 0), ((3, 3, 1, 6), 0), ((2, 8, 8, 6), 0), ((2, 2), 0), ((0, 8, 8, 1), 0),
    ],
)  # fmt: skip
def test_pictures_are_recognised_by_their_shape(shape, count):
    page = shown(tg.Tensor(RNG.random(shape, np.float32)))
    images = page.all("img")
    assert len(images) == count and all(image["alt"] for image in images)
    assert ("32 more" in page.text) == (shape[0] == 40)
    for image in images:
        assert pixels(image["src"]).shape[:2] == (shape[-3:-1] if len(shape) > 2 else shape)


def test_brightness_is_kept_where_it_has_a_usual_range():
    ramp = np.linspace(0.25, 0.75, 64, dtype=np.float32).reshape(8, 8)
    found = thumbnails(ramp)
    assert (found.low, found.high) == (0, 1)
    assert (pixels(found.pictures[0].uri) == np.rint(255 * ramp)).all()
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert (pixels(thumbnails(grey).pictures[0].uri) == grey).all()
    colour = RNG.integers(0, 256, (6, 7, 3), np.uint8)
    assert (pixels(thumbnails(colour).pictures[0].uri) == colour).all()
    mask = grey % 2 == 0
    assert (pixels(thumbnails(mask).pictures[0].uri) == 255 * mask).all()


def test_other_numbers_are_spread_from_black_to_white():
    values = np.linspace(-3, 5, 64).reshape(8, 8)
    found = thumbnails(values)
    assert (found.low, found.high) == (-3, 5)
    drawn = pixels(found.pictures[0].uri)
    assert drawn[0, 0] == 0 and drawn[-1, -1] == 255 and (np.diff(drawn.ravel().astype(int)) > 0).all()
    assert "black -3, white 5" in shown(tg.Tensor(values)).text
    huge = pixels(thumbnails(values * 3e307).pictures[0].uri)
    assert (huge == drawn).all()
    assert pixels(thumbnails(np.full((8, 8), 7.5)).pictures[0].uri).tolist() == [[128] * 8] * 8


def test_what_is_not_finite_is_marked():
    values = np.ones((8, 8), np.float32)
    values[2, 3], values[4, 5] = np.nan, np.inf
    drawn = pixels(thumbnails(values).pictures[0].uri)
    assert drawn[2, 3].tolist() == drawn[4, 5].tolist() == list(BROKEN)
    assert (drawn == BROKEN).all(axis=2).sum() == 2 and drawn[0, 0].tolist() == [255] * 3


def test_a_large_picture_is_thinned_out():
    a = RNG.random((1000, 600)).astype(np.float32)
    (picture,) = thumbnails(a).pictures
    assert picture.size == (600, 1000) and pixels(picture.uri).shape == (250, 150) and max(250, 150) <= LARGEST


# -- modules --------------------------------------------------------------------------------------------------


def test_a_module_is_a_tree_with_parameters():
    model = models.build("lenet", (28, 28, 1), 10, rng=0)
    page = shown(model)
    assert page.text.startswith("Sequential 61,706 parameters 241.0 KiB training")
    for words in ("features: Sequential", "0: Conv2d (1, 6, window=(5, 5), padding='same')", "156", "59,134"):
        assert words in page.text
    assert "weight (5, 5, 1, 6) float32" in page.text
    opened = [attributes for attributes in page.all("details") if "open" in attributes]
    assert len(opened) == 2 and len(page.all("details")) == 7  # the two stages; and a closed one for each layer
    assert "model.summary(" in page.text


def test_a_large_one_is_folded():
    page = shown(models.build("resnet20", (32, 32, 3), 10, rng=0))
    assert not any("open" in attributes for attributes in page.all("details")) and len(page.all("details")) > 20


def test_modes_frozen_parts_buffers_and_shared_modules_are_told():
    shared = nn.Linear(3, 3, rng=0)
    model = nn.Sequential(shared, nn.BatchNorm2d(3), shared).eval()
    model.register_buffer("table", np.zeros(2, np.float32))
    shared.requires_grad_(False)
    text = shown(model).text
    assert "18 parameters" in text and "evaluation" in text and "12 frozen" in text
    assert "the same as 0" in text and text.count("weight (3, 3) float32 frozen") == 1
    assert "table (2,) float32 buffer" in text and "running_mean (3,) float32 buffer" in text


def test_a_module_without_parameters():
    page = shown(nn.MaxPool2d(2))
    assert page.text.startswith("MaxPool2d (2) 0 parameters") and not page.all("details")
