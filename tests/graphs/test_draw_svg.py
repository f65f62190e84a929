"""Rendered pictures, read back: every text lies inside its box, and nothing lies on a box of others."""

import re
import xml.etree.ElementTree as ET
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.graphs import render

SVG = "{http://www.w3.org/2000/svg}"
ROOM = 0.5  # points by which a text may touch an edge: the renderer's font differs from the published widths by less


class Area(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other):
        return (
            self.left - ROOM <= other.left and other.right <= self.right + ROOM
            and self.top - ROOM <= other.top and other.bottom <= self.bottom + ROOM
        )  # fmt: skip

    def meets(self, other):
        return (
            self.left + ROOM < other.right and other.left + ROOM < self.right
            and self.top + ROOM < other.bottom and other.top + ROOM < self.bottom
        )  # fmt: skip


@cache
def widths(weight):
    """Widths of Latin characters in thousandths of the font size, from the font's published metrics."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "pdfcorefonts"
    text = (folder / f"Helvetica{'-Bold' if weight else ''}.afm").read_text()
    named = {"plusminus": "±", "multiply": "×", "minus": "−", "ellipsis": "…", "mu": "µ"}
    found = {chr(int(code)): int(width) for code, width in re.findall(r"^C (\d+) ; WX (\d+)", text, re.M)}
    found |= {named[n]: int(w) for w, n in re.findall(r"WX (\d+) ; N (\w+)", text) if n in named}
    return found | {"→": 1000, "\xa0": found[" "]}


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.?\d*", text)]


def area_of_text(element):
    size = float(element.get("font-size"))
    width = sum(widths(element.get("font-weight"))[c] for c in element.text) * size / 1000
    x, y = float(element.get("x")), float(element.get("y"))
    start = {"start": x, "middle": x - width / 2, "end": x - width}[element.get("text-anchor")]
    return Area(start, y - 0.72 * size, start + width, y + 0.21 * size)  # from the top of capitals to below the line


def area_of_shape(element):
    if element.tag == f"{SVG}ellipse":
        x, y, rx, ry = (float(element.get(name)) for name in ("cx", "cy", "rx", "ry"))
        return Area(x - rx, y - ry, x + rx, y + ry)
    values = numbers(element.get("d") or element.get("points"))
    return Area(min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))


def read(source):
    """Boxes with their texts, and the texts of frames, arrows and the picture itself."""
    root = ET.fromstring(render.render(source, "svg"))
    boxes, loose = [], []
    for group in root.iter(f"{SVG}g"):
        kind = group.get("class")
        texts = [e for e in group.iter(f"{SVG}text") if e.text and e.text.strip()]
        if kind == "node" and group.find(f"{SVG}title").text.startswith("f"):  # the names in a frame, without a box
            loose += texts
        elif kind == "node" and texts:
            outline = next(e for e in group.iter() if e.tag in (f"{SVG}path", f"{SVG}polygon", f"{SVG}ellipse"))
            boxes.append((area_of_shape(outline), texts))
        elif kind in ("cluster", "edge"):
            loose += texts
        elif kind == "graph":
            loose += [e for e in group if e.tag == f"{SVG}text"]
    return boxes, loose


def faults(source):
    """What lies where it must not, in words."""
    boxes, loose = read(source)
    assert boxes
    said = []
    for box, texts in boxes:
        said += [f"{t.text!r} leaves its box" for t in texts if not box.holds(area_of_text(t))]
        said += [f"{t.text!r} lies on a box" for t in loose if box.meets(area_of_text(t))]
    said += [
        f"the boxes of {a[1][0].text!r} and {b[1][0].text!r} overlap"
        for a, b in combinations([box for box in boxes if box[1]], 2) if a[0].meets(b[0])
    ]  # fmt: skip
    return said


def image(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def lenet(**options):
    return tg.draw(models.build("lenet", (28, 28, 1), 10, 0), image(4, 28, 28, 1), **options)


def loss():
    w = tg.randn(3, 3, 1, 6, rng=1, requires_grad=True, name="filters")
    return tg.relu(tg.conv2d(image(2, 8, 8, 1), w, padding="same")).mean()


def second_order():
    w = tg.randn(3, 3, 1, 6, rng=1, requires_grad=True, name="filters")
    y = tg.tanh(tg.conv2d(image(2, 8, 8, 1), w, padding="same")).mean()
    return tg.draw((tg.grad(y, w, create_graph=True) ** 2).sum())


def failed():
    model = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.Flatten(), nn.Linear(100, 10, rng=0))
    with pytest.raises(ValueError) as caught:
        model(image(1, 8, 8, 1))
    return tg.draw(caught.value, title="a failed pass")


def difference():
    a = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10, rng=0))
    b = nn.Sequential(nn.Conv2d(1, 4, 5, rng=0), nn.Tanh(), nn.Flatten(), nn.Linear(64, 10, rng=0))
    return tg.draw_diff((a, image(1, 8, 8, 1)), (b, image(1, 8, 8, 1)))


def cuts():
    x = tg.randn(3, 4, rng=0, requires_grad=True, name="x" * 200)
    with tg.no_grad():
        mean = x.mean()
    return tg.draw([tg.stop_gradient(x) * x - mean, tg.take(x, tg.argmax(x, axis=1), axis=1)], constants=True)


def chain():
    y = tg.randn(3, rng=0, requires_grad=True, name="x")
    for _ in range(400):
        y = tg.sin(y) * 1.1
    return tg.draw(y)


def resnet(**options):
    return tg.draw(models.build("resnet20", (32, 32, 3), 10, 0), image(2, 32, 32, 3), **options)


PICTURES = {
    "lenet": lenet,
    "lenet values": lambda: lenet(show="values"),
    "lenet all": lambda: lenet(show="all"),
    "lenet to the right": lambda: lenet(rankdir="LR"),
    "lenet both": lambda: lenet(direction="both"),
    "loss backward": lambda: tg.draw(loss(), direction="backward"),
    "loss both": lambda: tg.draw(loss(), direction="both", show={"shapes", "values"}),
    "second order": second_order,
    "resnet": lambda: resnet(title="ResNet-20"),
    "resnet, every op": lambda: resnet(detail="ops"),
    "lenet, every op": lambda: lenet(detail="ops"),
    "resnet repeats": lambda: resnet(repeats=True),
    "resnet to two levels": lambda: resnet(depth=2, show={"shapes", "grads", "cost"}),
    "unet": lambda: tg.draw(models.build("unet", (32, 32, 3), 10, 0), image(1, 32, 32, 3)),
    "failed": failed,
    "difference": difference,
    "cuts": cuts,
    "chain": chain,
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES.keys())
def test_every_text_is_where_it_belongs(make):
    assert faults(make().source) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda source: source.replace("<b>filters</b>", f"<b>filters{'!' * 60}</b>"), "leaves its box"),
        (lambda source: source.replace("digraph {", "digraph { layout=neato; node [pos=\"1,1!\"]", 1), "overlap"),
    ],
)  # fmt: skip
def test_the_check_finds_what_is_wrong(change, fault):
    source = change(tg.draw(loss()).source.replace("margin=", "fixedsize=true width=0.9 margin="))
    assert any(fault in said for said in faults(source))
