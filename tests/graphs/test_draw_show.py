"""What `draw` takes, and what its boxes tell: runs, options, badges, and the JSON for the page."""

import json
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.graphs.looks import LOOKS, NODE
from tinygrad_cnn.train.run_folder import RunError


def lenet():
    return models.build("lenet", (28, 28, 1), 10, 0)


def image(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def box(drawing, title):
    return next(node for node in drawing.scene.nodes if node.box.title == title)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, as training writes it, without the training."""
    path = tmp_path_factory.mktemp("runs") / "lenet-1"
    config = {"model": "lenet", "input_shape": [28, 28, 1], "classes": list("0123456789"), "seed": 0}
    made = tg.Run.create(path, config)
    made.save_weights(lenet().state_dict())
    return path


# -- run folders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path])
def test_a_run_folder_is_drawn_as_its_network(run, kind):
    drawing = tg.draw(kind(run))
    assert drawing.scene.title == "lenet" and "conv2d" in drawing.source
    assert drawing.scene.notes == []
    assert tg.draw(kind(run), title="mine").scene.title == "mine"


def test_a_runs_example_is_random_and_said_to_be_or_given(run):
    assert any("the input is standard normal numbers" in note for note in tg.draw(run, show="values").scene.notes)
    given = tg.draw(run, image(3, 28, 28, 1), show="values")
    assert not any("the input is" in note for note in given.scene.notes) and "(3, 28, 28, 1)" not in given.source


def test_foreign_folders_and_other_versions_are_worded(run, tmp_path):
    with pytest.raises(RunError, match="there is no run folder"):
        tg.draw(tmp_path / "nowhere")
    with pytest.raises(RunError, match="is not a run folder"):
        tg.draw(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"format": "tinygrad_cnn run 99"}))
    with pytest.raises(RunError, match="has the format 'tinygrad_cnn run 99', this version reads"):
        tg.draw(tmp_path)


# -- options --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"show": "colour"}, "draw: show='colour' is unknown"),
        ({"show": {"values", "gradz"}}, "'gradz' is unknown. Did you mean grads"),
        ({"show": 3}, "show=3 is unknown"),
        ({"direction": "sideways"}, "direction must be 'forward', 'backward' or 'both', got 'sideways'"),
        ({"direction": "LR"}, "for 'LR' pass rankdir='LR'"),
    ],
)
def test_unknown_words_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        tg.draw(tg.Tensor([1.0], requires_grad=True), **options)


SHOWN = {"shapes": "(4, 28, 28, 6)", "values": "±", "grads": "grad norm", "params": "156 parameters",
         "cost": "multiply-adds", "time": "%)", "memory": "kept"}  # fmt: skip


@pytest.mark.parametrize("word", SHOWN)
def test_boxes_tell_what_is_asked_for_and_only_that(word):
    drawing = tg.draw(lenet(), image(4, 28, 28, 1), show=word)
    labels = "".join(node.attributes["label"]["html"] for node in drawing.scene.nodes)
    assert SHOWN[word] in labels
    others = {other for other, text in SHOWN.items() if text in labels} - {word}
    assert others == ({"values"} if word == "grads" else set())  # gradients are told as values are


def test_colours_are_explained_in_the_picture():
    for word in ("grads", "time", "memory", "cost"):
        drawing = tg.draw(lenet(), image(4, 28, 28, 1), show={"shapes", word})
        fills = {node.attributes.get("fillcolor") for node in drawing.scene.nodes}
        assert len(drawing.scene.legend) >= 3
        assert fills - {look.get("fillcolor") for look in LOOKS.values()} - {NODE["fillcolor"]}
        assert all(f'bgcolor="{colour}"' in drawing.source for colour, _ in drawing.scene.legend)
    assert not tg.draw(lenet(), image(4, 28, 28, 1)).scene.legend


def test_a_folded_module_tells_of_all_inside():
    drawing = tg.draw(lenet(), image(4, 28, 28, 1), show={"params", "cost"}, depth=1)
    (features,) = [m for m in drawing.scene.modules.values() if m.path == "features"]
    assert "2,572 parameters" in features.collapsed["label"]["html"]  # 156 + 2416
    assert "multiply-adds" in features.collapsed["label"]["html"]


def test_warnings_stand_on_the_box_and_make_its_outline_heavy():
    x = tg.Tensor(np.float32([1.0, -1.0]), requires_grad=True, name="x")
    with np.errstate(invalid="ignore"):
        node = box(tg.draw(tg.sqrt(x) * 2, show="values"), "sqrt")
    assert "NaN" in node.attributes["label"]["html"]
    assert node.attributes["penwidth"] == "3" and node.attributes["color"] == "#C04E00"


def test_infinite_and_empty_values_are_drawn():
    x = tg.Tensor(np.float32([1.0, 0.0]), requires_grad=True, name="x")
    with np.errstate(divide="ignore"):
        assert "Inf" in tg.draw(1 / x, show="all").source
    empty = tg.Tensor(np.zeros((0, 3), np.float32), requires_grad=True, name="x")
    assert "no elements" in tg.draw(tg.exp(empty), show="all").source
    assert "(0, 3)" in tg.draw(tg.exp(empty).sum(), direction="both").source


def test_a_released_graph_says_what_is_missing():
    x = tg.Tensor([0.5, 2.0], requires_grad=True, name="x")
    loss = (tg.exp(x) * x).sum()
    loss.backward()
    notes = " ".join(tg.draw(loss, show={"values", "grads"}).scene.notes)
    assert "released by the backward at" in notes


def test_a_tensor_without_history_is_drawn_with_every_option():
    assert "no ops were recorded: nothing that" in tg.draw(tg.Tensor([1.0, 2.0], name="x"), show="all").source


def test_cuts_say_by_what_and_where():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    with tg.no_grad():
        mean = x.mean()
    y = tg.take(x - mean, tg.argmax(x)) * tg.stop_gradient(x)
    drawing = tg.draw(y)
    told = {node.box.title: node.box.explain for node in drawing.scene.nodes if node.box.kind == "cut"}
    assert set(told) == {"no_grad", "integer result", "stop_gradient"}
    for words in told.values():
        assert "test_draw_show.py:" in words and "/" not in words
        assert f"at {words.rpartition(' at ')[2]}" in drawing.source


def test_running_and_drawing_leave_the_model_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.Dropout(0.5, rng=1), nn.Flatten(),
                          nn.Linear(72, 2, rng=0))  # fmt: skip
    before = model.state_dict()
    states = [rng.bit_generator.state for rng in model.generators()]
    for options in ({"show": "all"}, {"direction": "both", "show": "values"}, {"direction": "backward"}):
        tg.draw(model, image(4, 8, 8, 1), **options)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    assert [rng.bit_generator.state for rng in model.generators()] == states
    assert all(p.grad is None for p in model.parameters())


# -- the scene as JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"show": "all"}, {"direction": "both"}, {"depth": 1}], ids=str)
def test_the_scene_is_json_that_hangs_together(options):
    scene = json.loads(json.dumps(tg.draw(lenet(), image(2, 28, 28, 1), **options).scene.to_json()))
    ids = {node["id"] for node in scene["nodes"]}
    modules = {module["id"]: module for module in scene["modules"]}
    assert len(ids) == len(scene["nodes"]) and not ids & modules.keys()
    assert {end for edge in scene["edges"] for end in (edge["tail"], edge["head"])} <= ids
    assert {node["module"] for node in scene["nodes"]} <= {None, *modules}
    assert {module["parent"] for module in modules.values()} <= {None, *modules}
    assert {key for row in [*scene["ranks"], *scene["backward"], *scene["aligned"]] for key in row} <= ids
    conv = next(node for node in scene["nodes"] if node["details"]["op"] == "conv2d")["details"]
    assert conv["shape"] == [2, 28, 28, 6] and conv["path"] == "features.0" and conv["dtype"] == "float32"
    assert conv["parameters"] == {"padding": '"same"'}
    assert {"kind", "op", "name", "path", "number", "shape", "dtype", "parameters", "site", "formulas", "values",
            "gradient", "cost", "seconds", "memory", "params", "warnings", "explain"} <= conv.keys()  # fmt: skip
    assert [formula["input"] for formula in conv["formulas"]] == ["x", "w", "b"]


def test_the_steps_of_the_backward_pass_go_from_the_output_to_the_leaves():
    x, w = (tg.Tensor([1.0, 2.0], requires_grad=True, name=name) for name in "xw")
    scene = tg.draw((tg.exp(x) * w + tg.stop_gradient(x)).sum()).scene
    titles = {node.id: node.box.title for node in scene.nodes}
    assert [sorted(titles[key] for key in step) for step in scene.backward] == [
        ["sum"], ["add"], ["mul"], ["exp", "w"], ["x"],
    ]  # fmt: skip


def test_beside_the_forward_pass_the_steps_light_up_both_sides():
    x, w = (tg.Tensor([1.0, 2.0], requires_grad=True, name=name) for name in "xw")
    scene = tg.draw((tg.exp(x) * w).sum(), direction="both").scene
    told = {node.id: (node.box.number, node.box.title) for node in scene.nodes}
    numbers = [{told[key][0] for key in step} - {""} for step in scene.backward]
    assert numbers[:3] == [{"3", "3'"}, {"2", "2'"}, {"1", "1'"}] and not any(numbers[3:])  # then the leaves


def test_alone_the_gradients_come_as_they_are_computed():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    scene = tg.draw(tg.sin(tg.exp(x)).sum(), direction="backward").scene
    titles = {node.id: node.box.title for node in scene.nodes}
    played = [titles[key] for step in scene.backward for key in step]
    assert played[0] == "cotangent" and played[-1] == "gradient of x"
    place = {node.id: k for k, step in enumerate(scene.backward) for node in scene.nodes if node.id in step}
    assert all(place[e.tail] < place[e.head] for e in scene.edges if e.tail in place and e.head in place)


def test_a_page_is_one_file(tmp_path):
    path = tg.draw(lenet(), image(2, 28, 28, 1), title="A <page>").render(tmp_path / "graph.html")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!") and "A &lt;page&gt;" in text and "features.0" in text


def test_time_is_that_of_a_second_run_and_draws_as_the_first():
    calls = []

    class Slow(nn.Module):
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def forward(self, x):
            calls.append(self.rng.bit_generator.state["state"]["state"])
            return tg.dropout(x, 0.5, training=True, rng=self.rng)

    model = Slow()
    for show, times in (("values", 1), ("time", 2), ({"values", "time"}, 2)):
        calls.clear()
        tg.draw(model, np.ones((2, 3), np.float32), show=show)
        assert len(calls) == times and len(set(calls)) == 1
