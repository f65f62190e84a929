"""The core stands alone: without any other package, three toy ops differentiate to third order."""

import subprocess
import sys
from pathlib import Path

import tinygrad_cnn

PROGRAM = '''
import sys, types
stub = types.ModuleType("tinygrad_cnn")
stub.__path__ = [sys.argv[1]]
sys.modules["tinygrad_cnn"] = stub

import numpy as np
sys.modules["tinygrad_cnn.autodiff"] = None  # whoever imports it fails
from tinygrad_cnn.core import Tensor, grad, no_grad, op, registry

@op
def add(a, b):
    return a + b

add.vjp(a=lambda g: g, b=lambda g: g)

@op
def times(a, b):
    return a * b

times.vjp(a=lambda g, b: times(g, b), b=lambda g, a: times(g, a))

@op
def sine(x, *, turns=0):
    return np.sin(x + turns * np.pi / 2)

sine.vjp(x=lambda g, x, turns: times(g, sine(x, turns=turns + 1)))

x = Tensor(np.float64(0.7), requires_grad=True)
y = times(sine(x), x)
found = []
for _ in range(3):
    y = grad(y, x, create_graph=True)
    found.append(float(y.data))
s, c = np.sin(0.7), np.cos(0.7)
assert np.allclose(found, [c * 0.7 + s, 2 * c - 0.7 * s, -3 * s - 0.7 * c]), found
z = times(x, x)
z.name = "z"
z.backward()
assert np.allclose(x.grad, 1.4)
with no_grad():
    assert not times(x, x).requires_grad
loaded = sorted(name for name, module in sys.modules.items() if name.startswith("tinygrad_cnn.") and module)
assert all(name.startswith("tinygrad_cnn.core") for name in loaded), loaded
print("third order", sorted(registry))
'''


def test_core_differentiates_three_toy_ops_to_third_order():
    package = str(Path(tinygrad_cnn.__file__).parent)
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM, package], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "third order ['add', 'sine', 'times']"
