"""Summaries against counts by hand."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.insight.cost import multiply_adds


def by_path(found):
    return {row.path: row for row in found.rows}


def test_lenet5_by_hand():
    net = tg.models.build("lenet", (28, 28, 1), 10, rng=0)
    found = tg.summary(net, (28, 28, 1))
    macs = {"features.0": 28 * 28 * 6 * 25, "features.3": 10 * 10 * 16 * 6 * 25, "head.0": 400 * 120,
            "head.2": 120 * 84, "head.4": 84 * 10}  # fmt: skip
    parameters = {"features.0": 25 * 6 + 6, "features.3": 25 * 6 * 16 + 16, "head.0": 400 * 120 + 120,
                  "head.2": 120 * 84 + 84, "head.4": 84 * 10 + 10}  # fmt: skip
    rows = by_path(found)
    assert {path: row.macs for path, row in rows.items() if row.macs} == macs
    assert {path: row.parameters for path, row in rows.items() if row.parameters} == parameters
    assert found.total_macs == 416_520 and found.total_parameters == 61_706 == found.trainable_parameters
    assert rows["features.0"].output == (1, 28, 28, 6) and rows["features.0"].bytes == 28 * 28 * 6 * 4
    assert rows["features.6"].output == (1, 400) and rows["features.6"].bytes == 0  # a view
    assert rows["head.1"].note and rows["head.1"].output is None  # a relu that its Linear took over
    assert found.total_flop > 2 * found.total_macs


def test_the_batch_of_an_example_counts():
    net = tg.models.build("lenet", (28, 28, 1), 10, rng=0)
    found = tg.summary(net, np.zeros((3, 28, 28, 1), np.float32))
    assert found.total_macs == 3 * 416_520 and found.input_shape == (3, 28, 28, 1)
    assert found.rows[0].output == (3, 28, 28, 6)


def vgg16():
    layers, channels, rng = [], 3, np.random.default_rng(0)
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1, rng=rng), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    # dense layers start at zero: drawing 124 million normal numbers would take longer than the forward pass
    dense = [nn.Linear(a, b, init=lambda shape, rng: np.zeros(shape, np.float32))
             for a, b in ((25088, 4096), (4096, 4096), (4096, 1000))]  # fmt: skip
    return nn.Sequential(*layers, nn.Flatten(), dense[0], nn.ReLU(), dense[1], nn.ReLU(), dense[2])


def test_vgg16_has_15_47_giga_multiply_adds():
    found = tg.summary(vgg16(), (224, 224, 3))
    assert found.total_macs == 15_470_264_320  # 15,346,630,656 in convolutions, 123,633,664 in dense layers
    assert found.total_parameters == 138_357_544
    assert "15.47 G multiply-adds" in str(found)


def test_resnet20_has_40_6_mega_multiply_adds_without_its_projections():
    found = tg.summary(tg.models.build("resnet20", (32, 32, 3), 10, rng=0), (32, 32, 3))
    shortcuts = sum(row.macs for row in found.rows if "shortcut" in row.path)
    # He et al. pad the shortcut with zeros; ours are 1x1 convolutions to 16x16x32 and to 8x8x64.
    assert shortcuts == 16 * 16 * 32 * 16 + 8 * 8 * 64 * 32 == 262_144
    first, stages = 32 * 32 * 16 * 27, 6 * 32 * 32 * 16 * 144 + 2 * (16 * 16 * 32 * 144 + 5 * 16 * 16 * 32 * 288)
    assert found.total_macs - shortcuts == first + stages + 640 == 40_551_040
    assert found.total_parameters == 272_474


def test_depthwise_transposed_and_bare_products_count():
    class Mixed(nn.Module):
        def __init__(self):
            self.deep = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False, rng=0)
            self.w = nn.Parameter(np.ones((4, 5), np.float32))

        def forward(self, x):
            x = self.deep(x) * 2.0 + 1.0
            with tg.scope("mixing"):
                x = tg.einsum("nhwc,cd->nhwd", x, self.w)
            return tg.relu(x + x)

    rows = by_path(tg.summary(Mixed(), (6, 6, 4)))
    assert rows["deep"].macs == 6 * 6 * 4 * 9
    assert rows["mixing"].macs == 6 * 6 * 4 * 5 and rows["mixing"].kind == "ops"
    assert rows["mixing"].output == (1, 6, 6, 5)
    assert rows[""].macs == 0 and rows[""].flop > 0 and rows[""].parameters == 20


def test_what_is_shared_counts_once_as_parameters_and_twice_as_work():
    class Twice(nn.Module):
        def __init__(self):
            self.one = nn.Linear(6, 6, rng=0)
            self.same = self.one
            self.tied = nn.Linear(6, 6, bias=False, rng=0)
            self.tied.weight = self.one.weight

        def forward(self, x):
            return self.tied(self.same(self.one(x)))

    found = tg.summary(Twice(), (6,))
    rows = by_path(found)
    assert found.total_parameters == 6 * 6 + 6
    assert rows["one"].calls == 2 and rows["one"].macs == 2 * 36 and rows["tied"].macs == 36
    assert rows["tied"].parameters == 0 and "same" not in rows
    assert "Linear x2" in str(found)


def test_the_model_is_left_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2), nn.Dropout(0.5, rng=1), nn.Flatten())
    net[2].eval()
    before, draws = net.state_dict(), net[2].rng.bit_generator.state
    net[0].requires_grad_(False)
    found = tg.summary(net, (5, 5, 1))
    assert found.trainable_parameters == 4 and "20 of them frozen" in str(found)
    assert all(np.array_equal(v, before[k]) for k, v in net.state_dict().items())
    assert [m.training for m in net] == [True, True, False, True]
    assert net[2].rng.bit_generator.state == draws
    assert not any({"forward", "_hooks"} & vars(m).keys() for m in net.modules())
    assert by_path(found)["2"].output == (1, 3, 3, 2)  # dropout does nothing, and is a layer all the same


def test_hooks_and_a_forward_of_the_users_own_stay_and_run():
    net, seen = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Tanh()), []
    net[0].register_forward_hook(lambda m, args, y: seen.append(y.shape))
    net[2].forward = lambda x: x[:, :2]
    own = net[2].forward
    rows = by_path(tg.summary(net, (3,)))
    assert seen == [(1, 4)] and net[2].forward is own and net[0]._hooks
    assert rows["1"].calls == 1 and rows["1"].output == (1, 4)  # not fused, since the hook wants to see it
    assert rows["2"].output == (1, 2)


def test_a_layer_nobody_calls_is_told():
    class Forgetful(nn.Module):
        def __init__(self):
            self.used, self.forgotten = nn.Linear(3, 3, rng=0), nn.Linear(3, 4, rng=0)

        def forward(self, x):
            return self.used(x)

    found = tg.summary(Forgetful(), (3,))
    assert by_path(found)["forgotten"].note == "(not called)" and found.total_parameters == 12 + 16


def test_a_table_has_aligned_columns_and_html():
    text = str(tg.summary(tg.models.build("lenet", (28, 28, 1), 10, rng=0), (28, 28, 1)))
    lines = text.splitlines()
    rule = lines[2]
    ends = [k for k in range(len(rule)) if rule[k] == "-" and rule[k + 1 : k + 2] in ("", " ")]
    number = lines[3]
    assert number[ends[3]] == "6" and number[ends[3] + 1] == " "  # 156 ends where its column ends
    assert "61,706" in lines[-2] and "416.5 k multiply-adds" in lines[-1]
    net = nn.Sequential({"a<b": nn.Linear(2, 2, rng=0)})
    assert "a&lt;b" in tg.summary(net, (2,))._repr_html_()


def test_a_model_that_fails_says_where_and_shows_what_went_well():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.Flatten(), nn.Linear(99, 2, rng=0))
    with pytest.raises(tg.insight.SummaryError) as caught:
        tg.summary(net, (6, 6, 1))
    message = str(caught.value)
    assert "failed with ValueError" in message and "99" in message
    assert "Conv2d" in message and "(1, 4, 4, 4)" in message and "(1, 64)" in message
    assert not any({"forward", "_hooks"} & vars(m).keys() for m in net.modules()) and net.training


@pytest.mark.parametrize("example", [(0, 2, 1), (2.5, 3), "28x28x1", None, 7, (True, 2)])
def test_what_is_no_shape_is_refused(example):
    with pytest.raises((TypeError, ValueError), match="summary: input=.* must be a shape without the batch"):
        tg.summary(nn.Linear(2, 2, rng=0), example)


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"must be a Module, got function.*nn\.Lambda"):
        tg.summary(lambda x: x, (2,))


def test_a_loss_is_no_sum_of_products():
    op = tg.registry["softmax_cross_entropy"]
    assert multiply_adds(op, flop=1000, y_size=1) == 0
    assert multiply_adds(tg.registry["matmul"], flop=1000, y_size=100) == 500
