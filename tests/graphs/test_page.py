"""The interactive page as text: self-contained, escaped, guarded; what a browser does with it is in tests/browser."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.graphs import page

FOLDER = files("tinygrad_cnn.graphs.page")
HOSTILE = "</script><!--<script>'\"&\u2028\ud800 ${title} $title"


@pytest.fixture(scope="module")
def scene():
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True, name=HOSTILE)
    return tg.draw(tg.relu(x * 2.0), title=HOSTILE).scene.to_json()


class Elements(HTMLParser):
    """All elements of a page: tag, attributes, and the text of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append([tag, dict(attributes), ""])

    def handle_endtag(self, tag):
        self.found.append(["/" + tag, {}, ""])

    def handle_data(self, data):
        if self.found:
            self.found[-1][2] += data

    def named(self, tag):
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


def test_one_file_that_asks_for_nothing(scene):
    elements = Elements(page.html(scene, "title"))
    for tag, attributes, _ in elements.found:
        for key in ("src", "href", "srcset", "data", "action", "style"):
            assert attributes.get(key, "data:").startswith("data:"), (tag, attributes)
        assert not any(key.startswith("on") for key in attributes), (tag, attributes)
    styles = "".join(text for _, text in elements.named("style"))
    assert "@import" not in styles and "url(" not in styles


def test_the_policy_allows_these_scripts_and_no_request(scene):
    elements = Elements(page.html(scene, "title"))
    (policy,) = [a["content"] for a, _ in elements.named("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    scripts = [text for attributes, text in elements.named("script") if "type" not in attributes]
    assert len(scripts) == 2
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none';") and "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    assert "connect-src" not in policy and "http" not in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_hostile_names_stay_text(scene):
    text = page.html(scene, HOSTILE)
    elements = Elements(text)
    assert elements.named("title")[0][1].strip() == HOSTILE.replace("\ud800", "?")
    tags = [tag for tag, _, _ in elements.found]
    assert tags.count("script") == 4
    (kept,) = [text for attributes, text in elements.named("script") if attributes.get("id") == "scene"]
    assert "<" not in kept and "&" not in kept and "\u2028" not in kept
    data = json.loads(kept)
    assert HOSTILE.replace("\ud800", "?") in [node["details"]["name"] for node in data["nodes"]]


def test_the_scene_arrives_whole_and_numbers_that_json_lacks_as_words(scene):
    told = {**scene, "notes": [float("nan"), float("inf"), -float("inf"), 1.5]}
    (kept,) = [text for a, text in Elements(page.html(told, "t")).named("script") if a.get("id") == "scene"]
    data = json.loads(kept)
    assert data["notes"] == ["NaN", "infinity", "-infinity", 1.5]
    assert [node["id"] for node in data["nodes"]] == [node["id"] for node in scene["nodes"]]
    assert len(data["edges"]) == len(scene["edges"])


def test_formulas_are_mathematics(scene):
    (kept,) = [text for a, text in Elements(page.html(scene, "t")).named("script") if a.get("id") == "scene"]
    mathml = json.loads(kept)["mathml"]
    latex = {f["latex"] for node in scene["nodes"] for f in node["details"].get("formulas") or [] if f["latex"]}
    assert latex and latex == mathml.keys()
    assert all(text.startswith("<math") for text in mathml.values())


def test_equal_scenes_give_equal_pages(scene):
    assert page.html(scene, "t") == page.html(json.loads(json.dumps(scene)), "t")


def test_a_script_that_would_end_its_element_is_refused():
    with pytest.raises(ValueError, match="must not hold '</script'"):
        page._guarded("a = '</SCRIPT>'")


def test_libraries_are_those_that_their_list_says():
    listed = dict(
        re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", FOLDER.joinpath("vendor/README.md").read_text(), re.M)
    )
    there = {f.name: f.read_bytes() for f in FOLDER.joinpath("vendor").iterdir() if f.name.endswith(".js")}
    assert listed == {name: hashlib.sha256(data).hexdigest() for name, data in there.items()}
    licences = FOLDER.joinpath("vendor/LICENSES.txt").read_text()
    for name in ("Viz.js", "Graphviz", "Expat", "d3-zoom", "d3-ease", "Eclipse Public License - v 2.0"):
        assert name in licences


def test_text_has_contrast_in_light_and_dark():
    """Each ink on each ground, as WCAG counts: 4.5 : 1 for text, 3 : 1 for outlines of controls."""
    colours = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", page.look())}

    def light(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05

    inks = dict.fromkeys(("ink", "ink-soft", "accent", "good", "warn", "bad"), 4.5) | {"edge": 3.0}
    for ink, least in inks.items():
        for ground in ("paper", "surface", "raised"):
            for mode in (0, 1):
                a, b = light(colours[ink][mode]), light(colours[ground][mode])
                assert max(a, b) / min(a, b) >= least, (ink, ground, ("light", "dark")[mode])
    for ink, ground in (("accent", "accent-soft"), ("on-accent", "accent"), ("ink", "bad-soft")):
        for mode in (0, 1):
            a, b = light(colours[ink][mode]), light(colours[ground][mode])
            assert max(a, b) / min(a, b) >= 4.5, (ink, ground)
