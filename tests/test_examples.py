"""The examples, and the code and the commands of the README, run as a reader would run them."""

import hashlib
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygrad_cnn as tg
from tinygrad_cnn.data.catalogue import PACKAGES

pytestmark = pytest.mark.level("default")

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
README = ROOT / "README.md"


def run(name, folder, *args, check=False):
    """An example's output; it runs in a folder of its own, with nothing but the package to import."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / name, *args],
        cwd=folder, env=environment, capture_output=True, text=True, check=check,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def accuracy(output):
    return float(re.findall(r"accuracy (\d\.\d+)", output)[-1])


def test_each_is_short():
    """But for those that are a page of the gallery with text between the blocks."""
    assert len(EXAMPLES) >= 4
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 60 or "\n# %%\n" in text, path.name


def test_tensor_expressions_learn_without_layers(tmp_path):
    assert accuracy(run("tensor_expressions.py", tmp_path)) > 0.95
    assert "nn" not in re.findall(r"\w+", (ROOT / "examples" / "tensor_expressions.py").read_text(encoding="utf-8"))


def test_draw_a_graph_writes_a_picture(tmp_path):
    output = run("draw_a_graph.py", tmp_path)
    assert "drawn: graph.svg" in output
    picture = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert "<svg" in picture and "conv2d" in picture and "filters" in picture


def test_check_my_op_passes_and_a_wrong_rule_does_not(tmp_path):
    output = run("check_my_op.py", tmp_path)
    assert "soft_relu: " in output and "checks hold" in output
    assert "rejected  soft_relu: the contract 'gradients' is broken" in output


def test_train_digits_learns_and_loads_what_it_saved(tmp_path):
    assert accuracy(run("train_digits.py", tmp_path, str(tmp_path / "w.safetensors"))) > 0.9
    assert sum(v.size for v in tg.load(tmp_path / "w.safetensors").values()) > 1000


def test_train_in_processes_brings_models_back(tmp_path):
    output = run("train_in_processes.py", tmp_path)
    assert accuracy(output) > 0.9
    assert len(re.findall(r"^lr \S+ +\d\.\d+ on validation digits$", output, re.M)) == 3


FACE = ROOT / "tests" / "detection" / "face.jpg"  # of an astronaut, NASA, public domain


def test_detect_faces_finds_a_face_and_draws_it(tmp_path):
    output = run("detect_faces.py", tmp_path, str(FACE))
    x0, y0, x1, y1 = map(int, re.search(r"(\d+) (\d+) (\d+) (\d+) score 0.9", output).groups())
    assert "1 face, drawn in face_faces.png" in output
    assert tg.detection.box_iou([[x0, y0, x1, y1]], [[88, 55, 178, 152]])[0, 0] > 0.75  # from hair to chin
    assert (tmp_path / "face_faces.png").read_bytes().startswith(b"\x89PNG")


def test_detect_faces_finds_none_where_there_is_none(tmp_path):
    Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (150, 1))).save(tmp_path / "grey.png")
    assert "grey.png: 0 faces" in run("detect_faces.py", tmp_path, "grey.png")


@pytest.mark.level("thorough")
@pytest.mark.parametrize(("args", "words"), [
    (["no.jpg"], "detect_faces: no.jpg: no such file.\n"),
    ([__file__], "detect_faces: .*not a readable PNG.*\n"),
    ([str(FACE), "--out", "nowhere"], "detect_faces: .*nowhere.*\n"),
])  # fmt: skip
def test_detect_faces_says_in_one_line_what_is_wrong(args, words, tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run("detect_faces.py", tmp_path, *args, check=True)
    assert caught.value.returncode == 1 and re.fullmatch(words, caught.value.stderr)
    assert not list(tmp_path.iterdir())


def test_the_face_detector_beside_the_example_is_the_published_one():
    for file in next(package.files for package in PACKAGES if package.key == "tiny-face-detector"):
        here = ROOT / "examples" / "assets" / "face_detector" / file.name
        assert hashlib.sha256(here.read_bytes()).hexdigest() == file.sha256


@pytest.fixture
def two_pictures(tmp_path):
    """A disc, and stripes in other colours, as files."""
    from PIL import Image

    h, v = np.mgrid[:40, :60]
    disc = np.where(((h - 20) ** 2 + (v - 30) ** 2 < 150)[..., None], [200, 80, 40], [60, 90, 160])
    stripes = np.where(((h + v) % 8 < 4)[..., None], [240, 240, 230], [120, 70, 30])
    for name, values in {"disc.png": disc, "stripes.png": stripes}.items():
        Image.fromarray(values.astype(np.uint8)).save(tmp_path / name)
    return ["--content", str(tmp_path / "disc.png"), "--style", str(tmp_path / "stripes.png")]


@pytest.mark.level("thorough")
def test_style_transfer_paints_any_two_pictures(tmp_path, two_pictures):
    """With filters as they are before training: published weights are downloads, and no test needs the network."""
    args = [*two_pictures, "--network", "random", "--size", "48", "--evaluations", "15", "--out", "art"]
    before = {path.name for path in tmp_path.iterdir()}
    output = run("style_transfer.py", tmp_path, *args)
    first, last = (float(text.replace(",", "")) for text in re.findall(r"([\d.,]+) (?:at first|after)", output))
    assert last < first / 5
    assert {path.name for path in tmp_path.iterdir()} - before == {"art"}
    assert {path.name for path in (tmp_path / "art").iterdir()} == {"result.png", "steps.png", "loss.png"}
    result = tg.data.load_image(tmp_path / "art" / "result.png")
    assert result.shape == (32, 48, 3) and result.std() > 0.05


@pytest.mark.level("thorough")
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--content", "absent.jpg"], "absent.jpg: no such file"),
        (["--style", "words.png"], "words.png: not a readable"),
        (["--size", "5"], "--size goes from 32 to 1024"),
        (["--size", "big"], "invalid int value: 'big'"),
        (["--out", "no/such/place"], "there is no folder"),
    ],
)
def test_style_transfer_says_in_one_line_what_is_wrong(tmp_path, two_pictures, args, says):
    (tmp_path / "words.png").write_text("no picture", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "style_transfer.py", *two_pictures, *args],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("style_transfer: ") and says in done.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.level("thorough")
def test_detect_shapes_learns(tmp_path):
    """Some steps on the small setting; it takes 600 to be good, which the page of the gallery asserts."""
    output = run("detect_shapes.py", tmp_path, "--steps", "120")
    assert "2000 scenes" in output and "120 steps" in output
    assert 0.2 < float(re.search(r"mAP@0.5 (\d\.\d+) on 300 fresh scenes", output)[1]) <= 1


# -- the README -----------------------------------------------------------------------------------------------


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def expression(tmp_path_factory):
    """What the README's example leaves behind."""
    folder = tmp_path_factory.mktemp("readme")
    before = os.getcwd()
    os.chdir(folder)
    try:
        (folder / "example.py").write_text(blocks("python")[0], encoding="utf-8")
        return folder, runpy.run_path(str(folder / "example.py"))
    finally:
        os.chdir(before)


def test_the_readmes_example_runs_and_is_about_fifteen_lines(expression):
    folder, names = expression
    assert len([line for line in blocks("python")[0].splitlines() if line.strip()]) <= 16
    assert isinstance(names["loss"], tg.Tensor) and names["loss"].requires_grad
    assert (folder / "graph.svg").stat().st_size > 1000


def test_the_readmes_gradient_of_a_gradient_is_right(expression):
    """The norm of the gradient falls along its own gradient, as a difference shows."""
    _, names = expression
    assert all(np.isfinite(g).all() and g.any() for g in names["second"])


def test_the_readmes_picture_is_that_of_its_example(expression):
    folder, _ = expression
    shown = (ROOT / "docs" / "images" / "expression.svg").read_text(encoding="utf-8")
    assert "docs/images/expression.svg" in README.read_text(encoding="utf-8")
    drawn = (folder / "graph.svg").read_text(encoding="utf-8")
    assert words(shown) == words(drawn)


def words(svg):
    """The words of a picture; where each renderer puts them is its own affair."""
    return sorted(re.findall(r">([^<>\s][^<>]*)<", re.sub(r"<!--.*?-->", "", svg, flags=re.S)))


def test_the_readmes_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_the_readme_has_the_two_commands_that_ci_reads():
    commands = [line for block in blocks("(?:sh|bash)") for line in block.splitlines()]
    for words in ("pytest", "tinygrad-cnn train"):
        found = [c for c in commands if words in c]
        assert len(found) == 1 and found[0].startswith("python3 -m venv .venv && .venv/bin/pip install"), words


def test_training_in_onnxruntime_alone(tmp_path):
    output = run("train_in_onnxruntime.py", tmp_path)
    assert accuracy(output) >= 0.98 and (tmp_path / "step.onnx").exists()


def test_the_network_of_directions_beside_the_example_is_the_published_one():
    (file,) = next(package.files for package in PACKAGES if package.key == "text-direction")
    here = ROOT / "examples" / "assets" / "text_direction" / file.name
    assert hashlib.sha256(here.read_bytes()).hexdigest() == file.sha256


def test_a_published_onnx_network_is_fine_tuned(tmp_path):
    output = run("fine_tune_onnx.py", tmp_path)
    before, after = (float(number) for number in re.findall(r"accuracy (\d\.\d+)", output))
    assert after > before + 0.2 and (tmp_path / "digits_direction.onnx").exists()
