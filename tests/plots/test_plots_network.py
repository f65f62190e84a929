"""Pictures of a network: what they compute, what they show, what they refuse."""

import re

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, plots

from .checks import check_bounds, state_of

pytestmark = pytest.mark.level("default")

IMAGE = np.random.default_rng(5).random((8, 8, 1)).astype(np.float32)


@pytest.fixture
def net():
    return tg.models.build("lenet", (8, 8, 1), 10, rng=0)


def texts(figure):
    found = [figure.get_suptitle()]
    for ax in figure.axes:
        found += [ax.get_title(), ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
        found += [t.get_text() for t in ax.texts]
    return "\n".join(found)


# -- filters --------------------------------------------------------------------------------------------------


def test_filters_show_each_weight_in_its_colour():
    from matplotlib import colormaps

    bank = np.zeros((2, 2, 1, 3))
    bank[0, 1, 0, 0], bank[1, 0, 0, 2] = 2.0, -1.0
    sheet = plots.filters(bank).axes[0].images[0].get_array()
    columns = 3  # three tiles of 2x2, enlarged to 32, in frames
    assert sheet.shape == (36, 35 * columns + 1, 3)
    paint = colormaps["RdBu_r"]
    np.testing.assert_allclose(sheet[2, 33], paint(1.0)[:3])  # top right of the first: the largest, red
    np.testing.assert_allclose(sheet[2, 2], paint(0.5)[:3], atol=0.01)  # zero is the middle: white
    np.testing.assert_allclose(sheet[33, 72], paint(0.25)[:3], atol=0.01)  # bottom left of the third


def test_filters_of_three_channels_are_colours():
    bank = np.zeros((1, 1, 3, 2))
    bank[0, 0, :, 0] = 1.0, -1.0, 0.0
    sheet = plots.filters(bank).axes[0].images[0].get_array()
    np.testing.assert_allclose(sheet[10, 10], [1.0, 0.0, 0.5])
    np.testing.assert_allclose(sheet[10, 45], [0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((3, 3, 1, 100), "64 of 100 filters shown"),
        ((3, 3, 3, 65), "64 of 65 filters shown"),
        ((5, 5, 6, 16), "output channels \\(10 of 16\\); columns: input channels \\(6 of 6\\)"),
        ((3, 3, 512, 512), "columns: input channels \\(11 of 512\\)"),
        ((1, 1, 2, 1), "output channels \\(1 of 1\\)"),
    ],
)
def test_many_filters_are_limited_and_the_rest_is_named(shape, words, tmp_path):
    figure = plots.filters(np.random.default_rng(0).normal(size=shape))
    check_bounds(figure, tmp_path)
    assert re.search(words, texts(figure))


def test_filters_take_a_layer_and_survive_what_is_not_finite(net, tmp_path):
    layer = net.features[0]
    assert "32 filters 3×3×1" in plots.filters(layer).get_suptitle()
    broken = layer.weight.numpy()
    broken[0, 0, 0, 0], broken[1, 1, 0, 3] = np.nan, np.inf
    figure = plots.filters(broken)
    sheet = figure.axes[0].images[0].get_array()
    assert set(map(tuple, sheet[2:12, 2:12].reshape(-1, 3).tolist())) == {(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)}
    check_bounds(figure, tmp_path)
    assert "chequered: not finite" in texts(figure)
    plots.filters(np.full((2, 2, 3, 2), np.nan)).savefig(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (np.zeros((3, 3)), ValueError, r"\(I, J, C, O\), got \(3, 3\)"),
        (np.zeros((3, 3, 1, 0)), ValueError, r"got \(3, 3, 1, 0\)"),
        (nn.ReLU(), TypeError, "a ReLU has no weight"),
        (nn.Linear(3, 4), ValueError, r"got \(3, 4\)"),
        (np.zeros((1, 1, 1, 1), complex), TypeError, "real numbers"),
    ],
)
def test_filters_refuse_what_is_no_bank(bad, error, words):
    with pytest.raises(error, match=words):
        plots.filters(bad)


# -- feature maps ---------------------------------------------------------------------------------------------


def test_feature_maps_are_what_the_layers_compute(net):
    before = state_of(net)
    found = plots.feature_maps_of(net, IMAGE)
    assert state_of(net) == before
    shapes = {f.path: f.values.shape for f in found}
    assert shapes == {
        "features.0": (8, 8, 32), "features.1": (8, 8, 32), "features.2": (4, 4, 32), "features.3": (4, 4, 64),
        "features.4": (4, 4, 64), "features.5": (2, 2, 64), "head.1": (64,), "head.2": (64,), "head.4": (10,),
    }  # fmt: skip  # Flatten and Dropout pass their input on
    net.eval()
    by_hand = net.features[0](IMAGE[None]).data[0]
    np.testing.assert_array_equal(found[0].values, by_hand)
    np.testing.assert_array_equal(found[1].values, np.maximum(by_hand, 0))
    np.testing.assert_allclose(found[-1].values, net(IMAGE[None]).data[0], rtol=1e-5, atol=1e-6)


def test_feature_maps_of_chosen_layers(net, tmp_path):
    found = plots.feature_maps_of(net, IMAGE[None], ["features.3", net.features])
    assert [(f.path, f.values.shape) for f in found] == [("features.3", (4, 4, 64)), ("features", (256,))]
    figure = plots.feature_maps(net, IMAGE, ["features.3"])
    check_bounds(figure, tmp_path)
    assert "4×4×64" in texts(figure) and "first 8 channels" in texts(figure)


def test_feature_maps_of_a_deep_network_show_each_shape_once(tmp_path):
    deep = tg.models.build("resnet8", (32, 32, 3), 10, rng=0)
    figure = plots.feature_maps(deep, np.random.default_rng(0).random((32, 32, 3)).astype(np.float32))
    check_bounds(figure, tmp_path)
    shapes = [t.get_text() for ax in figure.axes for t in ax.texts if "×" in t.get_text()]
    assert shapes == ["32×32×3", "32×32×16", "16×16×32", "8×8×64"] and "of 21 layers" in figure.get_suptitle()


def test_feature_maps_survive_what_is_not_finite(net, tmp_path):
    bad = IMAGE.copy()
    bad[0, 0], bad[1, 1] = np.nan, np.inf
    with np.errstate(all="ignore"):
        figure = plots.feature_maps(net, bad)
    check_bounds(figure, tmp_path)
    assert "chequered: not finite" in texts(figure)


# -- saliency and Grad-CAM ------------------------------------------------------------------------------------


def test_saliency_is_the_gradient_of_the_logit(net):
    before = state_of(net)
    color = tg.models.build("resnet8", (16, 12, 3), 4, rng=0)
    x = np.random.default_rng(0).random((16, 12, 3)).astype(np.float32)
    found = plots.saliency_map(color, x, 2)
    color.eval()
    given = tg.Tensor(x[None], requires_grad=True)
    expected = np.abs(tg.grad(color(given)[0, 2], given)[0]).max(axis=-1)
    assert found.shape == (16, 12)
    np.testing.assert_array_equal(found, expected)
    plots.saliency_map(net, IMAGE)
    assert state_of(net) == before


def test_saliency_takes_the_predicted_class_by_default(net):
    net.eval()
    predicted = int(net(IMAGE[None]).data.argmax())
    np.testing.assert_array_equal(plots.saliency_map(net, IMAGE), plots.saliency_map(net, IMAGE, predicted))
    assert f"class {predicted} " in plots.saliency(net, IMAGE).get_suptitle()


def test_smoothed_saliency_averages_and_repeats(net):
    a = plots.saliency_map(net, IMAGE, 1, smooth=3, seed=4)
    np.testing.assert_array_equal(a, plots.saliency_map(net, IMAGE, 1, smooth=3, seed=4))
    assert not np.array_equal(a, plots.saliency_map(net, IMAGE, 1, smooth=3, seed=5))
    tiny = plots.saliency_map(net, IMAGE, 1, smooth=2, noise=1e-7)
    np.testing.assert_allclose(tiny, plots.saliency_map(net, IMAGE, 1), rtol=1e-3, atol=1e-6)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 3, rng=0))  # whose gradient is the same everywhere
    weights = np.abs(linear[1].weight.data[:, 2]).reshape(8, 8)
    np.testing.assert_allclose(plots.saliency_map(linear, IMAGE, 2, smooth=4), weights, rtol=1e-6)


def test_grad_cam_by_hand():
    """One convolution, the mean of its maps, a dense layer: the gradient in a map is w / (H*W) at every place."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding="same", rng=0), nn.GlobalAvgPool2d(), nn.Linear(4, 3, rng=1))
    maps = model[0](IMAGE[None]).data[0]
    expected = np.maximum((maps * (model[2].weight.data[:, 1] / 64)).sum(axis=-1), 0)
    np.testing.assert_allclose(plots.grad_cam_map(model, IMAGE, label=1), expected, rtol=1e-5, atol=1e-7)
    by_path, by_module = (plots.grad_cam_map(model, IMAGE, layer, 1) for layer in ("0", model[0]))
    np.testing.assert_array_equal(by_path, by_module)
    assert expected.any()


def test_grad_cam_looks_at_what_becomes_of_the_last_convolution(net):
    assert "at features.4, 4×4" in texts(plots.grad_cam(net, IMAGE))
    residual = tg.models.build("resnet8", (16, 16, 3), 4, rng=0)
    assert "at stage3.0, 4×4" in texts(plots.grad_cam(residual, np.ones((16, 16, 3), np.float32)))


def test_grad_cam_passes_over_shortcuts_and_dense_layers_written_as_convolutions():
    class Bare(nn.Module):
        def __init__(self):
            self.conv, self.shortcut = nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.Conv2d(1, 4, 1, rng=1)
            self.pool, self.dense = nn.GlobalAvgPool2d(), nn.Conv2d(4, 3, 1, rng=2)

        def forward(self, x):
            y = self.pool(tg.relu(self.conv(x) + self.shortcut(x)))
            return self.dense(y.reshape(-1, 1, 1, 4)).reshape(-1, 3)

    assert "at conv, 8×8" in texts(plots.grad_cam(Bare(), IMAGE))


def test_grad_cam_does_not_see_an_offset_that_a_norm_takes_out():
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.GlobalAvgPool2d(),
                          nn.Linear(4, 3, rng=1))  # fmt: skip
    expected = plots.grad_cam_map(model, IMAGE, label=1)
    model[0].bias.assign(model[0].bias.data + 100)
    model[1].running_mean.assign(model[1].running_mean.data + 100)
    np.testing.assert_allclose(plots.grad_cam_map(model, IMAGE, label=1), expected, atol=1e-4)
    assert expected.any()


def test_few_pixels_of_a_photograph_do_not_darken_all_others():
    rng = np.random.default_rng(0)
    steep = rng.random((40, 50, 1)).astype(np.float32)
    steep[3, 4] = 1000
    model = nn.Sequential(nn.Flatten(), nn.Linear(2000, 2, rng=0))
    model[1].weight.assign(np.stack([steep.ravel(), -steep.ravel()], axis=1))
    image = rng.random((40, 50, 1)).astype(np.float32)
    assert 0.9 < plots.saliency(model, image).axes[-1].get_ylim()[1] <= 1
    np.testing.assert_array_equal(plots.saliency_map(model, image), steep[..., 0])


def test_grad_cam_works_with_frozen_weights_and_inside_no_grad(net):
    expected = plots.grad_cam_map(net, IMAGE, label=3)
    net.requires_grad_(False)
    with tg.no_grad():
        np.testing.assert_array_equal(plots.grad_cam_map(net, IMAGE, label=3), expected)
        plots.saliency_map(net, IMAGE)


def test_hooks_are_gone_and_modes_restored_even_after_an_error(net):
    before = state_of(net)
    with pytest.raises(ValueError, match="conv2d"):
        plots.grad_cam(net, np.ones((8, 8, 5), np.float32))
    assert state_of(net) == before and not any(m._hooks for m in net.modules() if m._hooks is not None)


def test_pictures_of_attention_are_drawn_where_asked(net, tmp_path):
    from matplotlib.figure import Figure

    for draw in (plots.saliency, plots.grad_cam):
        check_bounds(draw(net, IMAGE), tmp_path)
        own = Figure(figsize=(6, 3))
        ax = own.add_subplot()
        assert draw(net, IMAGE, ax=ax) is own and ax.images and "class" in ax.get_title()


@pytest.mark.parametrize("draw", [plots.saliency, plots.grad_cam, plots.feature_maps])
@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.ones((2, 8, 8, 1), np.float32), ValueError, r"one image \(H, W, C\), got \(2, 8, 8, 1\)"),
        (np.ones((8, 8), np.float32), ValueError, r"got \(8, 8\)"),
        (np.ones((8, 8, 1), np.uint8), TypeError, "must be floating"),
        (np.ones((0, 8, 1), np.float32), ValueError, "one image"),
    ],
)
def test_pictures_of_an_image_refuse_what_is_none(net, draw, x, error, words):
    with pytest.raises(error, match=words):
        draw(net, x)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: plots.saliency(m, IMAGE, 10), ValueError, "label=10 must be a whole number from 0 to 9"),
        (lambda m: plots.saliency(m, IMAGE, "cat"), TypeError, "label='cat'"),
        (lambda m: plots.saliency(m, IMAGE, smooth=-1), ValueError, "smooth"),
        (lambda m: plots.saliency(m.features[:3], IMAGE), ValueError, r"must give logits \(1, classes\)"),
        (lambda m: plots.saliency(np.exp, IMAGE), TypeError, "must be a Module.*nn.Lambda"),
        (lambda m: plots.grad_cam(m, IMAGE, "feature.3"), ValueError, "no layer 'feature.3'.*features.3"),
        (lambda m: plots.grad_cam(m, IMAGE, "head.1"), ValueError, r"'head.1' must make images"),
        (lambda m: plots.grad_cam(m, IMAGE, nn.ReLU()), TypeError, "path of a layer or a Module in the model"),
        (lambda m: plots.grad_cam(m.head, IMAGE), ValueError, "no convolution"),
        (lambda m: plots.feature_maps(m, IMAGE, "features.0"), TypeError, "list of paths"),
        (lambda m: plots.feature_maps(m, IMAGE, ["nothing"]), ValueError, "no layer 'nothing'"),
        (lambda m: plots.saliency(m, IMAGE, ax=3), TypeError, "ax must be the Axes"),
    ],
)
def test_pictures_of_a_network_say_what_is_wrong(net, call, error, words):
    with pytest.raises(error, match=words):
        call(net)


# -- receptive field ------------------------------------------------------------------------------------------


def known(layers, size):
    """First and last pixel that a unit in the middle sees: the formula of Araujo, Norris and Sim (2019), section 2.

    `layers` are (window, stride, padding), the first one first.
    """
    n = size
    for f, s, p in layers:
        n = (n + 2 * p - f) // s + 1
    first = last = n // 2
    for f, s, p in reversed(layers):
        first, last = first * s - p, last * s - p + f - 1
    return max(first, 0), min(last, size - 1)


@pytest.mark.parametrize(
    "layers",
    [
        [(3, 1, 1)],
        [(3, 1, 1), (3, 1, 1), (3, 1, 1)],
        [(5, 2, 0), (3, 1, 0), (3, 2, 1)],
        [(3, 2, 1), (1, 1, 0), (5, 1, 2), (3, 2, 1)],
        [(7, 2, 3), (3, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 1)],
    ],
)
def test_receptive_fields_of_plain_stacks_follow_the_formula(layers):
    convolutions = [nn.Conv2d(2 if k else 1, 2, f, stride=s, padding=p, rng=k) for k, (f, s, p) in enumerate(layers)]
    model = nn.Sequential(*[m for c in convolutions for m in (c, nn.ReLU())])
    field = plots.receptive_field_of(model, (41, 41, 1))
    assert field.rows == field.columns == known(layers, 41)
    np.testing.assert_allclose(field.share.sum(), 1)
    top, bottom = field.rows
    assert (field.share[top : bottom + 1, top : bottom + 1] > 0).all()  # no holes, and nothing outside
    assert np.count_nonzero(field.share) == field.size[0] * field.size[1]


@pytest.mark.parametrize("axes", [1, 3])
def test_receptive_fields_of_sequences_and_volumes_follow_the_formula(axes):
    layers = [(3, 1, 1), (2, 2, 0), (3, 1, 0)]
    conv, pool = getattr(nn, f"Conv{axes}d"), getattr(nn, f"MaxPool{axes}d")
    model = nn.Sequential(conv(1, 2, 3, padding=1, rng=0), nn.ReLU(), pool(2), conv(2, 2, 3, rng=1))
    field = plots.receptive_field_of(model, (13,) * axes + (1,))
    assert field.spans == (known(layers, 13),) * axes and field.share.ndim == axes
    assert np.count_nonzero(field.share) == field.size[0] ** axes
    figure = plots.receptive_field(model, (13,) * axes + (1,))
    assert {1: "8 places, 3 to 10", 3: "8×8×8 voxels, depths 3 to 10, rows"}[axes] in texts(figure)
    form = {1: r"\(place,\) or", 3: r"\(depth, row, column\) or"}[axes]
    with pytest.raises(ValueError, match=f"must be {form}"):
        plots.receptive_field_of(model, (13,) * axes + (1,), "0", (20,) * axes)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, stride=2, padding=1), nn.AvgPool2d(2)])
def test_receptive_fields_pass_pooling_whole(pool):
    f, s, p = (3, 2, 1) if isinstance(pool, nn.MaxPool2d) and pool.stride == 2 else (2, 2, 0)
    one = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, rng=0), nn.ReLU(), pool, nn.Conv2d(3, 2, 3, padding=1, rng=1),
                        nn.ReLU(), pool)  # fmt: skip
    field = plots.receptive_field_of(one, (32, 32, 1))
    assert field.rows == known([(3, 1, 1), (f, s, p), (3, 1, 1), (f, s, p)], 32)
    assert np.count_nonzero(field.share) == field.size[0] ** 2


def test_the_receptive_field_is_that_of_any_weights():
    """Weights that are zero, signs that cancel, relus that are off and saturated activations hide nothing."""

    def make(act):
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.BatchNorm2d(4), act, nn.MaxPool2d(2),
                             nn.Conv2d(4, 4, 3, padding=1, rng=1), act)  # fmt: skip

    expected = plots.receptive_field_of(make(nn.ReLU()), (16, 16, 1))
    for act in (nn.ReLU6(), nn.HardSwish(), nn.Sigmoid(), nn.Tanh()):
        model = make(act)
        for p in model.parameters():
            p.assign(np.zeros(p.shape, p.dtype))
        model[1].running_mean = np.full(4, 1e3, np.float32)
        before = state_of(model)
        field = plots.receptive_field_of(model, (16, 16, 1))
        assert (field.rows, field.columns) == (expected.rows, expected.columns)
        assert state_of(model) == before


def test_receptive_fields_of_what_looks_at_all_are_all():
    class Gate(nn.Module):
        def __init__(self):
            self.conv = nn.Conv2d(2, 2, 1, rng=0)

        def forward(self, x):
            return self.conv(x * tg.max(x, axis=(1, 2), keepdims=True))

    field = plots.receptive_field_of(Gate(), (6, 7, 2))
    assert field.size == (6, 7) and str(field).endswith("(the whole image)")
    assert field.share[3, 3] > field.share[0, 0] > 0

    class Maxout(nn.Module):
        def __init__(self):
            self.left, self.right = nn.Conv2d(1, 2, (1, 3), padding=(0, 1), rng=0), nn.Conv2d(1, 2, (5, 1), rng=1)

        def forward(self, x):
            return tg.maximum(self.left(x)[:, 2:-2], self.right(x))

    field = plots.receptive_field_of(nn.Sequential(Maxout(), nn.Identity()), (9, 9, 1), "1", (2, 4))
    assert (field.rows, field.columns) == ((2, 6), (3, 5)) and np.count_nonzero(field.share) == 7  # a cross


def test_dilation_leaves_holes_and_groups_keep_to_themselves():
    field = plots.receptive_field_of(nn.Sequential(nn.Conv2d(1, 1, 3, dilation=2, rng=0)), (9, 9, 1), unit=(2, 2, 0))
    assert field.rows == (2, 6) and np.count_nonzero(field.share) == 9


def test_units_are_chosen_and_borders_named(net):
    field = plots.receptive_field_of(net, (8, 8, 1), "features.0", (0, 7))
    assert field.rows == (0, 1) and field.columns == (6, 7) and "cut by the image's border" in str(field)
    assert plots.receptive_field_of(net, (8, 8, 1), "head.4", 3).size == (8, 8)
    inner = plots.receptive_field_of(net.features, (28, 28, 1), "1", (9, 9, 5))
    assert str(inner) == "3×3 pixels, rows 8 to 10, columns 8 to 10"


def test_the_receptive_field_of_a_residual_network_is_that_of_its_last_block():
    field = plots.receptive_field_of(tg.models.build("resnet8", (64, 64, 3), 10, rng=0), (64, 64, 3))
    layers = [(3, 1, 1)] * 3 + [(3, 2, 1), (3, 1, 1)] * 2  # stem, a block, two blocks that halve; shortcuts see less
    assert field.path == "stage3" and field.rows == field.columns == known(layers, 64)


def test_the_receptive_field_is_drawn(net, tmp_path):
    figure = plots.receptive_field(net.features, (28, 28, 1), "2", (5, 5))
    check_bounds(figure, tmp_path)
    (box,) = figure.axes[0].patches
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (8.5, 8.5, 4, 4)
    assert "4×4 pixels, rows 9 to 12" in texts(figure)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((8,),), r"input_shape=\(8,\) must be \(H, W, C\)"),
        (((8, 8),), r"must be images \(N, H, W, C\)"),
        (((8, 8, 0),), "input_shape"),
        (((8, 8, 1), "features.2", (4, 0)), r"unit=\(4, 0\) must be \(row, column\)"),
        (((8, 8, 1), "head.4", 10), r"unit=10 must be a number within \(10,\)"),
        (((8, 8, 1), "features.7"), "no layer 'features.7'"),
    ],
)
def test_receptive_fields_refuse_what_is_not_there(net, arguments, words):
    with pytest.raises(ValueError, match=words):
        plots.receptive_field_of(net, *arguments)


def test_a_unit_that_sees_nothing_of_the_image():
    class Blind(nn.Module):
        def forward(self, x):
            return x * 0 if False else tg.Tensor(np.ones((1, 2, 2, 1)), requires_grad=True) * 2

    with pytest.raises(ValueError, match="nothing of the image reaches"):
        plots.receptive_field_of(Blind(), (4, 4, 1))
