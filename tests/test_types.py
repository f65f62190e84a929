"""Type checkers know what the package takes and returns; the stubs they read are up to date and travel in the wheel."""

import configparser
import inspect
import os
import re
import subprocess
import sys
from itertools import accumulate
from pathlib import Path

import jedi
import pytest

import tinygrad_cnn as tg

pytestmark = pytest.mark.level("default")

PACKAGE = Path(tg.__file__).parent
STUBS = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.pyi"))
ROOT = Path(__file__).parents[1]

# Each line with the type that `reveal_type` of it shows, or with the mistake in it.
START = """
import numpy as np
import tinygrad_cnn as tg
from tinygrad_cnn import nn

class Net(nn.Module):
    def __init__(self) -> None:
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    def forward(self, x: tg.Tensor, *, twice: bool = False) -> tuple[tg.Tensor, bool]:
        return self.layers(x), twice

@tg.no_grad
def double(x: tg.Tensor) -> tg.Tensor:
    return x * 2

x = tg.Tensor([1.0, 2.0], requires_grad=True)
a = np.ones(2, np.float32)
whole = np.int64(1)
net = tg.models.build("lenet", a.shape, 10, rng=whole)
train = tg.data.ArrayDataset(a, a)
"""
RIGHT = {
    "tg.relu(x)": "Tensor",
    "tg.relu(a)": "ndarray",
    "tg.relu([1.0, -2.0])": "ndarray",
    "tg.conv2d(a, a, padding='same')": "ndarray",
    "tg.conv2d(a, x, padding='same')": "Tensor",
    "tg.conv2d(a, x, None, 2, 1)": "Tensor",
    "tg.max_pool2d(a, 2, 2)": "ndarray",
    "tg.conv2d(a, a, x, stride=(1, 2))": "Tensor",
    "tg.clip(x, 0, 1)": "Tensor",
    "tg.clip(a, high=x)": "Tensor",
    "tg.clip(a, None, 3)": "ndarray",
    "tg.concatenate([x, x], axis=0)": "Tensor",
    "tg.concatenate(a, x)": "Tensor",
    "tg.stack(a, a)": "ndarray",
    "tg.einsum('i,i->', a, x)": "Tensor",
    "tg.einsum('i,i->', a, a)": "ndarray",
    "tg.split(x, 2)": "list[Tensor]",
    "tg.mse_loss(x, a)": "Tensor",
    "tg.layer_norm(a, gamma=x)": "Tensor",
    "tg.zeros((2, 3))": "Tensor",
    "x + x": "Tensor",
    "2 * x - a": "Tensor",
    "a * x": "Tensor",
    "-x @ x": "Tensor",
    "x > 0": "Tensor",
    "x == a": "Tensor",
    "(x > 0) & ~(x > 1)": "Tensor",
    "x[:1]": "Tensor",
    "x.sum()": "Tensor",
    "x.T.reshape(2, 1).mean(axis=0)": "Tensor",
    "x.data": "ndarray",
    "x.grad": "ndarray | None",
    "x.numpy()": "ndarray",
    "x.shape": "tuple[int, ...]",
    "float(x.sum())": "float",
    "[t for t in x]": "list[Tensor]",
    "nn.Linear(2, 3)(x)": "Tensor",
    "nn.Linear(2, 3)(a)": "Tensor",
    "nn.Conv2d(2, 3, 3).eval()(x)": "Tensor",
    "nn.ReLU()(x)": "Tensor",
    "nn.ReLU()(a)": "ndarray",
    "nn.Sequential(nn.Linear(2, 3), nn.ReLU())(x)": "Tensor",
    "nn.CrossEntropyLoss()(x, a)": "Tensor",
    "Net().train()(x, twice=True)": "tuple[Tensor, bool]",
    "tg.sum(x, axis=(0, whole), keepdims=True)": "Tensor",
    "tg.sum(x, axis=[0, 1])": "Tensor",
    "tg.argmax(a, axis=whole)": "ndarray",
    "tg.conv2d(x, a, stride=whole, padding=((1, 0), [1, 1]), dilation=[1, 2], groups=whole)": "Tensor",
    "tg.max_pool2d(x, x.shape[1:3], padding=(1, 1))": "Tensor",
    "tg.pad(x, [(1, 2), (0, 0)], 'reflect')": "Tensor",
    "tg.resize(x, a.shape, mode='bilinear')": "Tensor",
    "tg.dropout(x, np.float32(0.5), rng=np.random.default_rng(0))": "Tensor",
    "tg.cast(x, dtype='float64')": "Tensor",
    "tg.zeros([2, 3], dtype=np.float64, requires_grad=True, name='z')": "Tensor",
    "x.sum(axis=-1).reshape(2, -1).reshape((2, whole)).transpose(1, 0)": "Tensor",
    "x.repeat(a.astype(int), axis=0).astype(float)": "Tensor",
    "nn.Conv2d(whole, 4, (3, 3), padding='same', rng=whole)(a)": "Tensor",
    "nn.Sequential(nn.MaxPool2d(2), nn.Upsample((2, 2)), nn.Dropout(0.5, rng=0))(x)": "Tensor",
    "tg.grad(x.sum(), x)": "ndarray",
    "tg.grad(x.sum(), x, create_graph=True)": "Tensor",
    "tg.grad(x.sum(), [x, x])": "list[ndarray]",
    "tg.grad(x.sum(), list(net.parameters()), create_graph=True, allow_unused=True)": "list[Tensor | None]",
    "tg.grad(x, x, grad_outputs=a, allow_unused=True)": "ndarray | None",
    "tg.value_and_grad(lambda w: (w * w).sum())(a)": "tuple[ndarray, ndarray]",
    "tg.value_and_grad(lambda w, v: (w * v).sum(), (0, 1))(a, a)": "tuple[ndarray, tuple[ndarray, ...]]",
    "tg.vjp(tg.sin, a)[1](a)": "tuple[ndarray, ...]",
    "tg.jvp(tg.sin, a, a)": "tuple[ndarray, ndarray]",
    "tg.hvp(lambda t: t.sum(), a, a)": "ndarray",
    "tg.hessian(lambda t: t.sum(), x)": "Tensor | ndarray",
    "tg.jacobian(tg.cumsum, a)": "ndarray",
    "tg.checkpoint(nn.Linear(2, 3), x)": "Tensor",
    "tg.stop_gradient(x)": "Tensor",
    "tg.stop_gradient(3)": "int",
    "tg.functional_call(nn.Linear(2, 3), {'weight': x}, a)": "Tensor",
    "tg.functional_call(nn.ReLU(), {}, a)": "ndarray",
    "tg.functional_call(Net(), {}, x, twice=True)": "tuple[Tensor, bool]",
    "net(x)": "Tensor",
    "tg.models.lenet((28, 28, 1), 10)(x)": "Tensor",
    "tg.models.unet(a.shape, 10)(a)": "Tensor",
    "tg.models.hed_edges()(a)": "Tensor",
    "tg.fit(net, train, epochs=whole, optimizer=tg.optim.Adam(net.parameters(), lr=np.float32(0.1)))": "History",
    "tg.fit(net, (a, a), optimizer='sgd', lr=0.1, loss='mse', metrics=['mae'], schedule='cosine')": "History",
    "tg.fit(net, [(a, a)], loss=tg.mse_loss, callbacks=[tg.train.EarlyStop(2)], optimizer=tg.optim.Adam)": "History",
    "tg.evaluate(net, tg.data.DataLoader(train))": "dict[str, float]",
    "tg.predict(net, a)": "ndarray",
    "tg.draw(x, show={'values', 'grads'}, rankdir='LR')": "Drawing",
    "tg.draw(net, a, direction='both')": "Drawing",
    "tg.summary(net, (28, 28, 1))": "Summary",
    "tg.load('model.safetensors')": "dict[str, Any]",
    "double(x)": "Tensor",
}
STATEMENTS = """
x[0] = 3.0
x += a
x.detach().assign(a).backward()
x.grad = None
np.exp(x)
tg.testing.check_op(tg.conv2d)
tg.relu.vjp(x=lambda g, y: g * (y > 0))
tg.save("model.safetensors", net)
tg.save("step.safetensors", {"model": net.state_dict(), "epoch": 3})
with tg.no_grad(), tg.scope("head"):
    x.sum()
"""
WRONG = {
    "tg.conv2d(x, x, paddign='same')": r'Unexpected keyword argument "paddign".*did you mean "padding"',
    "tg.relu('words')": r'No overload variant .* matches argument type "str"',
    "tg.add(x, 'words')": r'matches argument types "Tensor", "str"',
    "tg.conv2g(x, x)": r'Module has no attribute "conv2g"',
    "x + 'words'": r'Unsupported operand types for \+ \("Tensor" and "str"\)',
    "x.backwards()": r'"Tensor" has no attribute "backwards"; maybe "backward"',
    "Net()(x, thrice=True)": r'Unexpected keyword argument "thrice"',
    "nn.Linear(2, 3)(x, 'words')": r'Argument 2 .* has incompatible type "str"; expected "bool"',
    "nn.ReLU()(y=x)": r'Unexpected keyword argument "y"',
    "x.sum(axes=1)": r'Unexpected keyword argument "axes"',
    "tg.relu(x, axis=1)": r'No overload variant .* matches argument types "Tensor", "int"',
    "tg.sum(x, axis='0')": r'Argument "axis" .* has incompatible type "str"|argument types "Tensor", "str"',
    "tg.argmax(x, axis=(0, 1))": r'matches argument types "Tensor", "tuple\[int, int\]"',
    "x.mean(axis=0.5)": r'Argument "axis" .* has incompatible type "float"',
    "x.reshape('23')": r'has incompatible type "str"',
    "tg.conv2d(x, x, padding='sme')": r'Argument "padding" .* has incompatible type|"Tensor", "Tensor", "str"',
    "tg.conv2d(x, x, stride=1.5)": r'matches argument types "Tensor", "Tensor", "float"',
    "tg.pad(x, 1, 'mirror')": r'matches argument types "Tensor", "int", "str"',
    "tg.mse_loss(x, a, reduction='avg')": r'matches argument types .* "str"',
    "tg.randn(2, 3, rng='0')": r'Argument "rng" .* has incompatible type "str"',
    "nn.Conv2d('3', 4, 3)": r'Argument 1 to "Conv2d" has incompatible type "str"',
    "nn.Conv2d(3, 4, 3, padding='sme')": r'Argument "padding" to "Conv2d" has incompatible type',
    "nn.MSELoss(reduction='avg')": r'Argument "reduction" to "MSELoss" has incompatible type',
    "nn.Dropout('half')": r'Argument 1 to "Dropout" has incompatible type "str"',
    "tg.grad(x, 'x')": r'Argument 2 to "grad" has incompatible type "str"',
    "tg.grad(x.sum(), x).backward()": r'has no attribute "backward"',
    "tg.jacobian(lambda t: t, 'words')": r'No overload variant of "jacobian"',
    "tg.checkpoint(3, x)": r'Argument 1 to "checkpoint" has incompatible type "int"',
    "tg.functional_call(nn.Linear(2, 3), {}, x, 'words')": r'Argument 4 .* has incompatible type "str"',
    "tg.fit('net', train)": r'Argument 1 to "fit" has incompatible type "str"',
    "tg.fit(net, train, optimizer=3)": r'Argument "optimizer" to "fit" has incompatible type "int"',
    "tg.fit(net, train, early_stop=3)": r'Unexpected keyword argument "early_stop" for "fit"',
    "tg.evaluate(net, 3)": r'Argument 2 to "evaluate" has incompatible type "int"',
    "tg.optim.Adam(net.parameters(), lr='fast')": r'Argument "lr" to "Adam" has incompatible type "str"',
    "tg.draw(x, show='shape')": r'Argument "show" to "draw" has incompatible type',
    "tg.draw(x, rankdir='left')": r'Argument "rankdir" to "draw" has incompatible type',
    "tg.summary(net, 28)": r'Argument 2 to "summary" has incompatible type "int"',
    "tg.save('model.safetensors', 3)": r'Argument 2 to "save" has incompatible type "int"',
    "double('words')": r'Argument 1 to "double" has incompatible type "str"',
}


def messages(folder, program):
    """line -> what mypy says about it in a program of a user's."""
    file = folder / "program.py"
    file.write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--show-error-codes"]
    done = subprocess.run(
        [*command, f"--cache-dir={folder / 'cache'}", "--config-file=", file.name],
        cwd=folder, env={**os.environ, "MYPYPATH": str(PACKAGE.parent)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    said = {}
    for number, text in re.findall(r"^program\.py:(\d+): (.*)$", done.stdout, re.M):
        said.setdefault(int(number), []).append(text)
    return said


def short(kind):
    """A type as one writes it, without modules and the parameters of ndarray."""
    while (start := kind.find("ndarray[")) >= 0:
        start += len("ndarray")
        inside = accumulate({"[": 1, "]": -1}.get(letter, 0) for letter in kind[start:])
        kind = kind[:start] + kind[start + 1 + [*inside].index(0) :]
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", kind)


@pytest.mark.level("thorough")
def test_type_checkers_find_the_types_and_the_mistakes_of_a_user(tmp_path):
    right = [f"reveal_type({line})" for line in RIGHT]
    start = START.count("\n") + 1
    said = messages(tmp_path, START + "\n".join([*right, *WRONG]) + STATEMENTS)
    for number, (line, kind) in enumerate(RIGHT.items(), start):
        (text,) = said.pop(number)
        (found,) = re.findall(r'Revealed type is "(.*)"', text)
        assert short(found).startswith(kind), f"{line}: {found}"
    for number, (line, message) in enumerate(WRONG.items(), start + len(right)):
        assert re.search(message, "\n".join(said.pop(number, []))), f"{line}: {said}"
    assert not said


@pytest.mark.level("thorough")
def test_editors_show_the_signature_and_the_docstring_of_an_op_and_the_methods_of_its_result():
    project = jedi.Project(str(PACKAGE.parent))
    start = "import tinygrad_cnn as tg\nx = tg.Tensor([1.0])\n"
    shown = [s.to_string() for s in jedi.Script(f"{start}tg.conv2d(x, ", project=project).get_signatures()]
    assert "b: _Input | None=None, stride: Size2d=1, padding: Padding=0" in shown[0]
    assert shown[0].endswith("-> Tensor")
    assert shown[-1].endswith("-> np.ndarray")
    (name,) = jedi.Script(f"{start}tg.conv2d", project=project).help(3, 6)
    assert name.docstring(raw=True) == inspect.cleandoc(tg.conv2d.__doc__)
    found = {c.name for c in jedi.Script(f"{start}tg.relu(x).", project=project).complete()}
    public = {name for name in dir(tg.Tensor) if not name.startswith("_")}
    assert public and public <= found


def test_methods_of_tensor_take_the_settings_of_their_ops():
    compared = 0
    for name, method in inspect.getmembers(tg.Tensor, inspect.isfunction):
        op = tg.registry.get(name)
        if op is None or method.__doc__ != op.__doc__:  # it does more than call the op
            continue
        settings = inspect.signature(op.fn).parameters
        for parameter in inspect.signature(method).parameters.values():
            variadic = parameter.kind is parameter.VAR_POSITIONAL  # x.reshape(2, 3) for shape=(2, 3)
            if parameter.name in op.defaults and not variadic:
                assert parameter.annotation == settings[parameter.name].annotation, f"{name}({parameter.name})"
                compared += 1
    assert compared > 20


def test_no_setting_of_an_op_is_of_any_type():
    untyped = {
        f"{name}({p.name})"
        for name in tg.ops.__all__ if isinstance(op := getattr(tg, name), tg.Op)
        for p in inspect.signature(op.fn).parameters.values() if p.name in op.defaults and p.annotation == "Any"
    }  # fmt: skip
    assert untyped == set(), "name the kind of argument, as in autodiff/kinds.py"


def test_stubs_are_up_to_date():
    script = ROOT / "docs" / "make_stubs.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.level("thorough")
def test_a_stub_that_is_out_of_date_is_noticed(tmp_path):
    (tmp_path / "docs").mkdir()
    script = tmp_path / "docs" / "make_stubs.py"
    script.write_text((ROOT / "docs" / "make_stubs.py").read_text(encoding="utf-8"), encoding="utf-8")
    for name in STUBS:
        (tmp_path / "tinygrad_cnn" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tinygrad_cnn" / name).write_text("", encoding="utf-8")

    def run(*options):
        command = [sys.executable, script, *options]
        env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env)

    before = run("--check")
    assert before.returncode == 1
    assert "out of date: ops/__init__.pyi, core/tensor.pyi, core/__init__.pyi" in before.stderr
    assert run().returncode == 0 and run("--check").returncode == 0
    for name in STUBS:
        written = (tmp_path / "tinygrad_cnn" / name).read_text(encoding="utf-8")
        assert written == (PACKAGE / name).read_text(encoding="utf-8")


def test_the_wheel_has_the_stubs_and_says_that_it_has_types():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = settings["options.package_data"]["tinygrad_cnn"].split()
    packed = {path.relative_to(PACKAGE).as_posix() for pattern in patterns for path in PACKAGE.glob(pattern)}
    assert STUBS and {*STUBS, "py.typed"} <= packed
