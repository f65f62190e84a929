"""Published weights in our networks: every array in its place, and on real photographs the answers seen before.

The first tests write files with published names and random values.  The last ones use the real files where they have
been fetched (`tinygrad-cnn fetch`), and say so where not.
"""

import runpy
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models
from tinygrad_cnn.models import tiny_face, vgg16

pytestmark = pytest.mark.level("default")

made = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "io" / "published.py")))


def draw(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


# -- EfficientNet-Lite0 -----------------------------------------------------------------------------------------

WIDTHS = [32, 16] + [24] * 2 + [40] * 2 + [80] * 3 + [112] * 3 + [192] * 4 + [320]
WINDOWS = [3] * 3 + [5] * 2 + [3] * 3 + [5] * 7 + [3]


def lite0():
    """Random values under the published names, written down independently of the loader; filters are (O,C,I,J)."""
    rng = np.random.default_rng(0)
    arrays = {}

    def unit(conv, norm, out, channels, window):
        arrays[f"{conv}.weight"] = draw(rng, out, channels, window, window)
        for part in ("weight", "bias", "running_mean"):
            arrays[f"{norm}.{part}"] = draw(rng, out)
        arrays[f"{norm}.running_var"] = abs(draw(rng, out)) + 0.1
        arrays[f"{norm}.num_batches_tracked"] = np.array(9, np.int64)

    unit("_conv_stem", "_bn0", 32, 3, 3)
    for k, (channels, out, window) in enumerate(zip(WIDTHS, WIDTHS[1:], WINDOWS, strict=False)):
        wide = channels * (1 if k == 0 else 6)
        if k:
            unit(f"_blocks.{k}._expand_conv", f"_blocks.{k}._bn0", wide, channels, 1)
        unit(f"_blocks.{k}._depthwise_conv", f"_blocks.{k}._bn1", wide, 1, window)
        unit(f"_blocks.{k}._project_conv", f"_blocks.{k}._bn2", out, wide, 1)
    unit("_conv_head", "_bn1", 1280, 320, 1)
    arrays["_fc.weight"], arrays["_fc.bias"] = draw(rng, 1000, 1280), draw(rng, 1000)
    return arrays


@pytest.fixture(scope="module")
def lite0_file(tmp_path_factory):
    arrays = lite0()
    path = tmp_path_factory.mktemp("lite0") / "lite0.pth"
    path.write_bytes(made.pth(arrays))
    return path, arrays


def test_efficientnet_takes_every_published_array_once(lite0_file):
    path, arrays = lite0_file
    net = models.efficientnet_lite0(weights=path)
    state = net.state_dict()
    floats = {k: v for k, v in arrays.items() if v.dtype == np.float32}
    assert sum(v.size for v in state.values()) == sum(v.size for v in floats.values()) == 4_694_024
    assert sorted(v.sum(dtype=np.float64) for v in state.values()) == pytest.approx(
        sorted(v.sum(dtype=np.float64) for v in floats.values())
    )
    assert not any(module.training for module in net.modules())


@pytest.mark.parametrize(
    ("here", "there", "axes"),
    [
        ("stem.0.weight", "_conv_stem.weight", (2, 3, 1, 0)),
        ("stem.1.running_mean", "_bn0.running_mean", (0,)),
        ("body.0.depthwise.0.weight", "_blocks.0._depthwise_conv.weight", (2, 3, 1, 0)),
        ("body.0.project.1.bias", "_blocks.0._bn2.bias", (0,)),
        ("body.3.expand.0.weight", "_blocks.3._expand_conv.weight", (2, 3, 1, 0)),
        ("body.3.expand.1.running_var", "_blocks.3._bn0.running_var", (0,)),
        ("body.14.depthwise.1.weight", "_blocks.14._bn1.weight", (0,)),
        ("body.15.project.0.weight", "_blocks.15._project_conv.weight", (2, 3, 1, 0)),
        ("top.0.weight", "_conv_head.weight", (2, 3, 1, 0)),
        ("top.1.weight", "_bn1.weight", (0,)),
        ("head.weight", "_fc.weight", (1, 0)),
        ("head.bias", "_fc.bias", (0,)),
    ],
)
def test_efficientnets_arrays_are_in_their_places(lite0_file, here, there, axes):
    path, arrays = lite0_file
    state = models.efficientnet_lite0(weights=path).state_dict()
    np.testing.assert_array_equal(state[here], arrays[there].transpose(axes))


def test_weights_of_other_numbers_of_classes_or_channels_are_refused(lite0_file):
    path, _ = lite0_file
    with pytest.raises(ValueError, match=r"lite0.pth: '_fc.weight' is \(1280, 1000\) float32, expected \(1280, 10\)"):
        models.efficientnet_lite0(classes=10, weights=path)
    with pytest.raises(ValueError, match=r"'_conv_stem.weight' is \(3, 3, 3, 32\)"):
        models.efficientnet_lite0((224, 224, 1), weights=path)


def test_weights_of_another_network_or_not_finite_are_refused(tmp_path, lite0_file):
    arrays = {k: v for k, v in lite0_file[1].items() if k.startswith(("_conv_stem", "_bn0"))}
    path = tmp_path / "w.pth"
    path.write_bytes(made.pth(arrays))
    with pytest.raises(ValueError, match=r"w.pth: these weights have no '_blocks.0._depthwise_conv.weight'"):
        models.efficientnet_lite0(weights=path)
    arrays["_bn0.bias"][3] = np.nan
    path.write_bytes(made.pth(arrays))
    with pytest.raises(ValueError, match=r"w.pth: '_bn0.bias' holds numbers that are not finite"):
        models.efficientnet_lite0(weights=path)


# -- the face detector ------------------------------------------------------------------------------------------


def face_arrays():
    rng = np.random.default_rng(1)
    widths = (16, 32, 64, 128, 256, 512)
    arrays = {"conv0/filters": draw(rng, 3, 3, 3, 16), "conv0/bias": draw(rng, 16)}
    for k, (channels, out) in enumerate(pairwise(widths), 1):
        arrays[f"conv{k}/depthwise_filter"] = draw(rng, 3, 3, channels, 1)
        arrays[f"conv{k}/pointwise_filter"] = draw(rng, 1, 1, channels, out) / np.float32(channels)
        arrays[f"conv{k}/bias"] = draw(rng, out)
    return {**arrays, "conv8/filters": draw(rng, 1, 1, 512, 25), "conv8/bias": draw(rng, 25)}


def face_file(folder, arrays):
    weights = [{"name": k, "shape": list(v.shape), "dtype": "float32"} for k, v in arrays.items()]
    return made.quantised(folder, weights, b"".join(v.tobytes() for v in arrays.values()))


def by_hand(arrays, x):
    """The published network in terms of plain ops."""
    pooled = tg.max_pool2d(tg.leaky_relu(tg.conv2d(x, arrays["conv0/filters"], arrays["conv0/bias"], padding=1),
                                         slope=0.1), 2)  # fmt: skip
    for k in range(1, 6):
        y = tg.depthwise_conv2d(pooled, arrays[f"conv{k}/depthwise_filter"], padding=1)
        y = tg.conv2d(y, arrays[f"conv{k}/pointwise_filter"], arrays[f"conv{k}/bias"])
        y = tg.leaky_relu(y, slope=0.1)
        bottom_right = ((0, 0), (0, 1), (0, 1), (0, 0))
        pooled = tg.max_pool2d(y, 2) if k < 5 else tg.max_pool2d(
            np.pad(y, bottom_right, constant_values=-np.inf), 2, stride=1)  # fmt: skip
    return tg.conv2d(pooled, arrays["conv8/filters"], arrays["conv8/bias"])


def test_the_face_detector_is_the_published_network(tmp_path):
    arrays = face_arrays()
    net = models.tiny_face_detector(face_file(tmp_path, arrays))
    assert net.num_parameters() == sum(a.size for a in arrays.values()) == 193_321
    x = draw(np.random.default_rng(2), 2, 96, 64, 3)
    found = net(x).data
    assert found.shape == (2, 3, 2, 25) and not net.training
    np.testing.assert_allclose(found, by_hand(arrays, x), rtol=1e-3, atol=1e-3)
    assert models.tiny_face_detector(rng=0)(np.zeros((1, 416, 416, 3), np.float32)).shape == (1, 13, 13, 25)
    assert len(tiny_face.ANCHORS) == 5


def test_the_face_detector_names_what_does_not_fit(tmp_path):
    arrays = face_arrays()
    del arrays["conv3/pointwise_filter"]
    with pytest.raises(ValueError, match="manifest.json: these weights have no 'conv3/pointwise_filter'"):
        models.tiny_face_detector(face_file(tmp_path, arrays))
    for shape in ((1, 400, 416, 3), (1, 416, 416, 1), (416, 416, 3)):
        with pytest.raises(ValueError, match=r"multiples of 32, usually \(N, 416, 416, 3\); got"):
            models.tiny_face_detector(rng=0)(np.zeros(shape, np.float32))


# -- VGG16 and HED ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hed_file(tmp_path_factory):
    path, rng, arrays, channels = tmp_path_factory.mktemp("hed") / "hed.weights.h5", np.random.default_rng(3), {}, 3
    for b, (width, count) in enumerate(zip((64, 128, 256, 512, 512), (2, 2, 3, 3, 3), strict=True), 1):
        for k in range(count):
            layer = f"block{b}/layers/conv2d" + (f"_{k}" if k else "")
            arrays[f"{layer}/vars/0"] = draw(rng, 3, 3, channels, width) / np.float32(2 * channels**0.5)
            arrays[f"{layer}/vars/1"], channels = draw(rng, width), width
        arrays[f"dsn{b}/vars/0"], arrays[f"dsn{b}/vars/1"] = draw(rng, 1, 1, width, 1), draw(rng, 1)
    arrays["fuse/vars/0"], arrays["fuse/vars/1"] = draw(rng, 1, 1, 5, 1), draw(rng, 1)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    yield path, arrays
    path.unlink()  # 59 MB


def test_vgg16_gives_named_maps_of_the_published_filters(hed_file):
    path, arrays = hed_file
    net = models.vgg16_features(path)
    x = draw(np.random.default_rng(4), 1, 19, 22, 3) * 50
    maps = net(x)
    assert list(maps) == list(vgg16.LAYERS) and len(maps) == 13
    sizes = {"conv1_2": (19, 22, 64), "conv2_1": (10, 11, 128), "conv3_3": (5, 6, 256), "conv4_2": (3, 3, 512),
             "conv5_3": (2, 2, 512)}  # fmt: skip
    for name, size in sizes.items():
        assert maps[name].shape == (1, *size)
    first = tg.relu(
        tg.conv2d(x, arrays["block1/layers/conv2d/vars/0"], arrays["block1/layers/conv2d/vars/1"], padding=1)
    )
    np.testing.assert_allclose(maps["conv1_1"].data, first, rtol=1e-4, atol=1e-2)
    before = tg.max_pool2d(maps["conv2_2"].data, 2, ceil_mode=True)
    third = tg.conv2d(before, arrays["block3/layers/conv2d/vars/0"], arrays["block3/layers/conv2d/vars/1"], padding=1)
    np.testing.assert_allclose(maps["conv3_1"].data, tg.relu(third), rtol=1e-3, atol=1e-2)
    assert not net.training


def test_vgg16_computes_no_further_than_asked(hed_file):
    net = models.vgg16_features(hed_file[0])
    x = np.ones((1, 16, 16, 3), np.float32)
    ran = []
    for name, module in net.named_modules():
        if isinstance(module, tg.nn.Conv2d):
            module.register_forward_hook(lambda m, a, y, name=name: ran.append(name))
    maps = net(x, layers=["conv2_1", "conv1_1"])
    assert list(maps) == ["conv1_1", "conv2_1"] and ran == ["blocks.0.0", "blocks.0.1", "blocks.1.0"]
    np.testing.assert_array_equal(maps["conv2_1"].data, net(x)["conv2_1"].data)
    assert list(net(x, layers="conv1_1")) == ["conv1_1"] and net(x, layers=[]) == {}
    with pytest.raises(ValueError, match=r"no layer 'conv4_4'. Did you mean conv4_"):
        net(x, layers=["conv4_4"])


@pytest.mark.level("thorough")
def test_average_pooling_takes_the_place_of_max(hed_file):
    path, _ = hed_file
    x = draw(np.random.default_rng(5), 1, 19, 17, 3) * 50
    most, mean = models.vgg16_features(path), models.vgg16_features(path, pooling="average")
    np.testing.assert_array_equal(most(x)["conv1_2"].data, mean(x)["conv1_2"].data)
    conv = mean.blocks[1][0]
    pooled = tg.avg_pool2d(mean(x)["conv1_2"].data, 2, ceil_mode=True, count_include_pad=False)
    np.testing.assert_allclose(mean(x)["conv2_1"].data, tg.relu(conv(pooled)).data, rtol=1e-5)
    assert not np.allclose(most(x)["conv2_1"].data, mean(x)["conv2_1"].data)
    with pytest.raises(ValueError, match="pooling='min' must be 'max' or 'average'"):
        models.vgg16_features(pooling="min")


def test_hed_mixes_five_side_outputs_into_one(hed_file):
    path, arrays = hed_file
    net = models.hed_edges(path)
    x = draw(np.random.default_rng(6), 1, 20, 24, 3) * 50
    logits = net.logits(x)
    assert list(logits) == ["dsn1", "dsn2", "dsn3", "dsn4", "dsn5", "fuse"]
    assert {y.shape for y in logits.values()} == {(1, 20, 24, 1)}
    maps = net.features(x)
    side = tg.resize(
        tg.conv2d(maps["conv4_3"], arrays["dsn4/vars/0"], arrays["dsn4/vars/1"]), (20, 24), mode="bilinear"
    )
    np.testing.assert_allclose(logits["dsn4"].data, side.data, rtol=1e-4, atol=1e-3)
    weights = arrays["fuse/vars/0"][0, 0, :, 0]
    mixed = sum(w * y.data for w, y in zip(weights, list(logits.values())[:5], strict=True)) + arrays["fuse/vars/1"]
    np.testing.assert_allclose(logits["fuse"].data, mixed, rtol=1e-3, atol=1e-2)
    edges = net(x).data
    np.testing.assert_allclose(edges, tg.sigmoid(logits["fuse"]).data, rtol=1e-6)
    assert edges.min() >= 0 and edges.max() <= 1


def test_gradients_reach_the_image(hed_file):
    x = tg.Tensor(np.ones((1, 16, 16, 3), np.float32), requires_grad=True)
    maps = models.vgg16_features(hed_file[0], pooling="average")(x, layers=["conv3_1"])
    (maps["conv3_1"] ** 2).sum().backward()
    assert x.grad.shape == x.shape and np.isfinite(x.grad).all() and np.abs(x.grad).max() > 0


# -- the real ones ----------------------------------------------------------------------------------------------


def real(name):
    try:
        return tg.data.fetch(name, download=False)
    except FileNotFoundError as error:
        pytest.skip(str(error))


def photograph(name):
    from PIL import Image

    return Image.open(real("photographs") / name).convert("RGB")


@pytest.mark.parametrize(
    ("name", "best", "most"),
    [("chelsea.png", (282, 285, 281), 0.38), ("coffee.png", (967,), 0.951), ("camera.png", (872,), 0.937),
     ("rocket.jpg", (657,), 0.29)],
)  # fmt: skip
def test_efficientnet_sees_what_it_saw(name, best, most):
    """The published probabilities; a crop one pixel aside moves those of the cat and the rocket by 0.02."""
    from PIL import Image

    net = models.efficientnet_lite0(weights=real("efficientnet-lite0"))
    picture = photograph(name)
    side = min(picture.size) * 224 / 256
    left, top = ((size - side) / 2 for size in picture.size)
    picture = picture.resize((224, 224), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    found = tg.softmax(net((np.asarray(picture, np.float32)[None] - 127) / 128)).data[0]
    assert tuple(found.argsort()[::-1][: len(best)]) == best
    assert found[best[0]] == pytest.approx(most, abs=0.02 if name in ("chelsea.png", "rocket.jpg") else 0.002)


@pytest.mark.parametrize(
    ("name", "score", "box"), [("astronaut.png", 0.957, [163, 74, 280, 190]), ("chelsea.png", 0.015, None)]
)
def test_the_face_detector_sees_what_it_saw(name, score, box):
    net = models.tiny_face_detector(real("tiny-face-detector"))
    picture = photograph(name)
    scale = 416 / max(picture.size)
    small = np.asarray(picture.resize([round(n * scale) for n in picture.size], 2), np.float32)
    square = np.zeros((1, 416, 416, 3), np.float32)
    square[0, : small.shape[0], : small.shape[1]] = small
    grid = net((square - np.float32(tiny_face.MEAN)) / 255).data[0].reshape(13, 13, 5, 5)
    scores = 1 / (1 + np.exp(-grid[..., 4]))
    assert scores.max() == pytest.approx(score, abs=0.001)
    row, column, k = np.unravel_index(scores.argmax(), scores.shape)
    x, y, w, h = grid[row, column, k, :4]
    centre = np.array([column + 1 / (1 + np.exp(-x)), row + 1 / (1 + np.exp(-y))])
    half = np.array(tiny_face.ANCHORS[k]) * np.exp([w, h]) / 2
    if box is not None:
        found = np.concatenate([centre - half, centre + half]) * tiny_face.STRIDE / scale
        np.testing.assert_allclose(found, box, atol=1)


def test_learned_edges_lie_where_the_picture_changes():
    net = models.hed_edges(real("hed"))
    rgb = np.asarray(photograph("chelsea.png"), np.float32)
    edges = net(rgb[None, ..., ::-1] - np.float32(vgg16.MEAN)).data[0, ..., 0]
    assert edges.shape == rgb.shape[:2] and np.isfinite(edges).all()
    eye, fur, wall = edges[80:150, 130:210].max(), edges[200:240, 180:220].mean(), edges[20:50, 420:445].mean()
    assert eye > 0.9 and fur < 0.4 and wall < 0.2


def test_the_judge_of_directions_computes_what_onnxruntime_does():
    import onnxruntime

    path = Path(__file__).parents[2] / "examples/assets/text_direction/ch_ppocr_mobile_v2.0_cls_infer.onnx"
    x = tg.randn(2, 3, 48, 192, rng=0).data
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
    net = tg.onnx.load(path)
    np.testing.assert_allclose(net(x).data, expected, atol=1e-5)
    assert len(list(net.parameters())) > 100
