"""Errors that NumPy or Python would word, and inputs at the edge: each gets the callable's name, or a result."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import data, models, nn, optim
from tinygrad_cnn.autodiff.calls import named
from tinygrad_cnn.core.errors import describe

REQUIRED = [
    (name, k)
    for name, op in tg.registry.items()
    if op.samples and not op.variadic
    for k, x in enumerate(op.inputs)
    if x not in op.optional
]


def leaf(*shape):
    return tg.Tensor(np.ones(shape), requires_grad=True)


def sgd():
    return optim.SGD([nn.Parameter([1.0])], 0.1)


def error_of(call):
    with pytest.raises((TypeError, ValueError, IndexError, tg.GraphError)) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(("name", "k"), REQUIRED)
def test_none_as_a_required_input_is_refused_by_name(name, k):
    op = tg.registry[name]
    inputs, params = op.samples[0].draw(op)
    inputs[k] = None
    message = error_of(lambda: op(*inputs, **params))
    assert message.startswith(name), message
    assert "None" in message or "object" in message, message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.cumsum(np.ones(3), axis=5), r"^cumsum: axis 5 is out of bounds .* Given: x \(3,\) float64, axis 5"),
        (lambda: leaf(2).swapaxes(0, 4), r"^swapaxes: .*axis 4 is out of bounds"),
        (lambda: tg.relu6(10**400), r"^relu6: "),
        (lambda: tg.expand_dims(np.ones(3), 2**62), r"^expand_dims: "),
        (lambda: tg.adaptive_avg_pool3d(np.ones((8, 4, 4, 4, 3)), 2**62), r"^adaptive_avg_pool3d: adaptive_avg_"),
        (lambda: tg.softmax(None), r"^softmax: input x is None; it must be a Tensor, an array or a number"),
        (lambda: tg.linear(np.ones((2, 3)), None), r"^linear: input w is None"),
        (lambda: tg.linear(np.ones((2, 3)), np.ones((5, 3))), r"rows of 5 numbers, x is \(2, 3\)\. .* pass w\.T"),
        (lambda: tg.linear(np.ones((2, 3)), np.ones((4, 5))), r"expect rows of 4 numbers, x is \(2, 3\)\.$"),
        (lambda: tg.concatenate([np.ones(2), None]), r"^concatenate: input xs\[1\] is None"),
        (lambda: tg.layer_norm(leaf(2, 3), gamma=np.ones(4)), r"^layer_norm: mul: "),
        (lambda: tg.hessian(None, np.ones(2)), r"^hessian: f must be a function of Tensors, got None"),
        (lambda: tg.zeros(("a", 2)), r"^zeros: shape=\('a', 2\) must be a tuple of whole numbers"),
        (lambda: tg.Tensor([1.0], dtype="no"), r"^Tensor: cannot make 'no' of \[1.0\]"),
        (lambda: tg.Tensor([1.0], requires_grad=np.ones(2)), r"^requires_grad: must be True or False, got \(2,\) "),
        (lambda: tg.grad([], leaf(2)), r"^grad: 0 outputs need"),
        (lambda: nn.ReflectionPad2d(), r"^ReflectionPad2d: padding is missing. It is called as nn.Ref"),
        (lambda: nn.Conv2d(10**400, 2, 3), r"^Conv2d: "),
        (lambda: nn.PReLU()(np.float64), r"^prelu: input x needs numbers or booleans, but got dtype object from type"),
        (lambda: optim.StepLR(sgd(), 2).load_state_dict(3), r"^StepLR.load_state_dict: "),
        (lambda: sgd().step(3), r"^SGD.step: closure must be a function"),
        (lambda: sgd().add_param_group(3), r"^SGD: a group is a dict"),
        (lambda: optim.Adam({"w": nn.Parameter([1.0])}), r"^Adam: needs a list of parameters, got dict"),
        (lambda: nn.Linear(2, 3)({"x": 1}), r"^Linear: x must be an array or a Tensor, got dict"),
        (lambda: tg.op(name="given")(3), r"^op: decorates a function on arrays, got 3"),
        (lambda: leaf(2).sum().backward(retain_graph=np.ones(3)), r"^backward: The truth value"),
        (lambda: tg.repeat(np.ones(3), 2**62), r"^repeat: 4611686018427387904 times the 3 elements of x \(3,\)"),
        (lambda: tg.repeat(np.ones(3), (2**62, 1, 1)), r"^repeat: 4611686018427387904 times"),
        (lambda: tg.depthwise_conv2d(np.ones((1, 4, 4, 0)), np.ones((3, 3, 0, 1))), r"at least one channel"),
    ],
)  # fmt: skip
def test_the_callable_is_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_what_cannot_be_held_is_refused_by_name():
    with pytest.raises((MemoryError, ValueError), match=r"^full: "):
        tg.full((2**59,), 1.0)


def test_errors_of_the_users_code_stay_as_they_are():
    def loss(outputs, labels):
        return [][3]

    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, rng=0))
    images = data.ArrayDataset(np.ones((4, 2, 1), np.float32), np.zeros(4, int))
    with pytest.raises(IndexError, match="^list index out of range$"):
        tg.fit(net, images, epochs=1, loss=loss)
    with pytest.raises(ZeroDivisionError, match="^(integer )?division (or modulo )?by zero$"):
        tg.jacobian(lambda x: x / (1 // 0), np.ones(2))
    with pytest.raises(AttributeError, match="^'NoneType' object has no attribute 'missing'"):
        nn.Lambda(lambda x: None.missing)(np.ones(2))


def test_a_function_of_ones_own_is_left_alone():
    @named
    def mine(x):
        return x.missing

    with pytest.raises(AttributeError):
        mine(3)


# -- rules ---------------------------------------------------------------------------------------------------------


def test_rules_are_refused_in_words(register):
    op = register(lambda x: 2 * x, name="twice")
    assert "twice.vjp: the rule for x must be a function of g, got 3" in error_of(lambda: op.vjp(x=3))
    assert "gives k the default 2, but rules are called with" in error_of(lambda: op.vjp(x=lambda g, k=2: g * k))
    for returned in (None, 2.0, (1.0,)):
        op.vjp(x=_constant(returned))
        message = error_of(lambda: op(leaf(2)).sum().backward())
        assert f"returned {type(returned).__name__}, expected an array of (2,). No gradient is 0 * g." in message


def _constant(value):
    return lambda g: value


# -- equality and membership -----------------------------------------------------------------------------------------


def test_what_is_no_number_is_neither_equal_nor_inside():
    t = tg.Tensor([1.0, 2.0])
    assert (t == (None,)) is False and t != ("a",) and t != [None]
    assert None not in t and "a" not in t and 1 in t and 3 not in t
    assert (t == [1, 3]).data.tolist() == [True, False]
    assert hash(t) != hash(tg.Tensor([1.0, 2.0]))
    assert error_of(lambda: [1, 2, 3] in t).startswith("in: [1, 2, 3] does not broadcast to the tensor's shape (2,)")


def test_describe_of_anything():
    assert describe(nn.Conv2d) == "the class Conv2d"
    assert describe(10**5000) == "an int of 16610 bits"
    assert describe(np.float32) == "the class float32"


# -- no axes, no elements, other byte orders ------------------------------------------------------------


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sum", "max", "logsumexp"])
@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_has_the_axes_that_numpy_gives_it(name, axis):
    x = leaf()
    y = getattr(tg, name)(x, axis=axis)
    assert y.shape == () and math.isfinite(tg.grad(y, x))


BACKENDS = [name for name in ("native", "numpy", "slow") if name in tg.kernels.backends()]


@pytest.mark.parametrize("backend", [b for b in BACKENDS if not tg.kernels.backends()[b].startswith("absent")])
def test_axes_of_length_zero(backend):
    with tg.use_kernels(backend):
        assert tg.sum(np.zeros((5, 0)), axis=0).shape == (0,)
        assert tg.sum(np.zeros((0, 5)), axis=0).tolist() == [0] * 5
        for x, w in [((1, 4, 4, 0), (3, 3, 0, 2)), ((1, 4, 4, 2), (3, 3, 2, 0)), ((0, 4, 4, 2), (3, 3, 2, 3))]:
            x, w = leaf(*x), leaf(*w)
            for op in (tg.conv2d, tg.conv2d_relu):
                y = op(x, w)
                assert y.shape == (x.shape[0], 2, 2, w.shape[3]) and not y.data.any()
                dx, dw = tg.grad(y.sum(), [x, w])
                assert dx.shape == x.shape and dw.shape == w.shape and not dx.any() and not dw.any()
        for rows, inside, out in [(2, 3, 0), (2, 0, 3), (0, 2, 3)]:
            x, w, b = leaf(rows, inside), leaf(inside, out), leaf(out)
            for op in (tg.linear, tg.linear_relu):
                grads = tg.grad(op(x, w, b).sum(), [x, w, b])
                assert [g.shape for g in grads] == [x.shape, w.shape, b.shape]
                assert grads[2].tolist() == [rows] * out
        a, b = leaf(2, 5, 0), leaf(0, 5)
        assert tg.grad((a @ b).sum(), b).shape == (0, 5)


@pytest.mark.parametrize("kind", [">f4", ">f8"])
@pytest.mark.parametrize("name", [name for name, op in tg.registry.items() if op.rules and op.samples])
def test_other_byte_orders_have_gradients(name, kind):
    op = tg.registry[name]
    inputs, params = op.samples[0].draw(op, dtype=np.dtype(kind).newbyteorder("="))
    given = [x.astype(kind) if getattr(x, "dtype", np.dtype(int)).kind == "f" else x for x in inputs]
    plain = op(*inputs, **params)
    np.testing.assert_allclose(op(*given, **params), plain, rtol=1e-4, atol=1e-4)  # other kernels round otherwise
    if plain.dtype.kind == "f":
        given = [tg.Tensor(x, requires_grad=True) if getattr(x, "dtype", None) == kind else x for x in given]
        if any(isinstance(x, tg.Tensor) for x in given):
            op(*given, **params).sum().backward()


def test_a_tensor_of_another_byte_order_on_purpose():
    x = leaf(3)
    (2 * x.astype(">f8")).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


# -- models, files, processes ------------------------------------------------------------


@pytest.mark.parametrize("shape", [None, 28, (28, 28), (28, 28, 1, 1), (28, 0, 1), (28, 2.5, 1), "abc", (28, None, 1)])
@pytest.mark.parametrize("name", ["lenet", "mnistnet", "vgg_small", "mobilenet_v2", "efficientnet_lite0", "unet"])
def test_a_wrong_shape_of_images_is_refused_by_the_builder(name, shape):
    message = error_of(lambda: getattr(models, name)(shape, 10))
    assert message.startswith(f"{name}: input_shape=") and "(H, W, C), as in (28, 28, 1)" in message
    for build, first in [(models.resnet, 8), (models.vgg, 11), (models.build, name)]:
        assert error_of(lambda build=build, first=first: build(first, shape, 10)).startswith(f"{build.__name__}: input")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("read", [data.read_idx, data.load_image, tg.load, tg.io.load_pth, tg.io.load_keras_h5])
def test_pipes_and_folders_are_refused_before_anything_waits(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a pipe or a device"):
        read(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of"):
        read(tmp_path)


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)


def test_kernels_that_there_are_not_are_refused_by_the_variable():
    done = python("import tinygrad_cnn", env={**os.environ, "TINYGRAD_CNN_KERNELS": "zz"})
    assert done.returncode == 1
    assert "TINYGRAD_CNN_KERNELS='zz', in the environment, names no kernels" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="only POSIX shells can close stderr")
def test_training_with_a_closed_stderr(tmp_path):
    code = (
        "import numpy as np, tinygrad_cnn as tg; from tinygrad_cnn import nn, data; "
        "d = data.ArrayDataset(np.ones((4, 2, 1), np.float32), np.zeros(4, int)); "
        "tg.fit(nn.Sequential(nn.Flatten(), nn.Linear(2, 2, rng=0)), d, epochs=1)"
    )
    done = subprocess.run(["sh", "-c", f'"{sys.executable}" -c "{code}" 2>&-'], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("epoch 1/1")
    exe = f'"{sys.executable}" -m tinygrad_cnn'
    done = subprocess.run(["sh", "-c", f"{exe} nosuch 2>&-"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.level("thorough")
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="this system has only Unicode file names")
def test_a_run_folder_whose_name_is_not_utf8(tmp_path):
    pytest.importorskip("click")
    folder = os.fsencode(tmp_path) + b"/run\xfc"
    command = [sys.executable, "-m", "tinygrad_cnn"]
    done = subprocess.run([*command, "train", "--epochs", "1", "--out", folder], capture_output=True)
    assert done.returncode == 0 and b"left out" not in done.stdout, done
    assert os.path.exists(folder + b"/report.html")
    assert subprocess.run([*command, "report", folder], capture_output=True).returncode == 0
