"""
Train, save, load
=================

A small network of layers learns the embedded digits, stops early, is saved, and is loaded again::

    python examples/train_digits.py [weights.safetensors]
"""

import sys
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn

path = Path(sys.argv[1] if len(sys.argv) > 1 else "digits.safetensors")
if not path.absolute().parent.is_dir():
    sys.exit(f"train_digits: {path}: there is no folder {path.absolute().parent}")


class Net(nn.Module):
    """Two convolutions and a dense layer; images (N,8,8,1) -> logits (N,10)."""

    def __init__(self, rng):
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(),
        )  # fmt: skip
        self.classify = nn.Linear(2 * 2 * 16, 10, rng=rng)

    def forward(self, x):
        return self.classify(self.features(x))


# %%
# Training stops when the validation digits have not become better for three epochs, and keeps the best weights.

train, test = tg.data.digits()
train, validation = tg.data.random_split(train, [0.9, 0.1])
model = Net(np.random.default_rng(0))
history = tg.fit(model, train, validation=validation, epochs=8, lr=5e-3, callbacks=[tg.train.EarlyStop(3)])
print(f"{len(history)} epochs, {history.stopped}; kept: epoch {history.best_epoch}")
try:
    curves = tg.plots.curves(history)
except ImportError as error:
    print(f"no picture: {error}")

# %%
# A file of numbers and their names is all that is kept; another network of the same form takes them.

try:
    tg.save(path, model)
except OSError as error:
    sys.exit(f"train_digits: {error}")
again = Net(np.random.default_rng(1))
again.load_state_dict(tg.load(path))
accuracy = tg.evaluate(again, test)["accuracy"]
print(f"accuracy {accuracy:.4f} on {len(test)} digits that it never saw, from {path.name}")
