"""What a freshly built wheel must do: import, compute a convolution, and hold the compiled kernels (not on Windows)."""

from __future__ import annotations

import sys

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import native

y = tg.conv2d(np.ones((1, 4, 4, 1), np.float32), np.ones((3, 3, 1, 2), np.float32))
if y.shape != (1, 2, 2, 2) or not (y == 9).all():
    raise SystemExit(f"conv2d of ones gives {y}")
if not native.available and sys.platform != "win32":
    raise SystemExit(f"the wheel has no compiled kernels: {native.reason}")
print("compiled kernels:", native.reason)
