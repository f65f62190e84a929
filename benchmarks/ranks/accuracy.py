"""The program of a rank: train a LeNet on Fashion-MNIST, print the accuracy on its test part."""

from __future__ import annotations

import json
import sys
from typing import Any

import tinygrad_cnn as tg
from tinygrad_cnn import data, models, optim


def reached(*, epochs: int, batch: int, local_steps: int, seed: int, lr: float = 2e-3, **more: Any) -> dict[str, Any]:
    """Train with `batch` samples an update on all ranks together; what was reached."""
    tg.set_num_threads(1)
    train, test = data.fashion_mnist()
    model = models.build("lenet", (28, 28, 1), 10, seed)
    model, optimizer = tg.distributed.parallel(
        model, optim.Adam(model.parameters(), lr), local_steps=local_steps, **more
    )
    world = optimizer.world
    loader = data.DataLoader(train, batch // world.size, shuffle=True, seed=seed)
    schedule = optim.CosineLR(optimizer, epochs * len(loader))
    history = tg.fit(model, loader, epochs=epochs, optimizer=optimizer, schedule=schedule, progress=False)
    accuracy = tg.evaluate(model, data.DataLoader(test, 250))["accuracy"]
    return {"accuracy": accuracy, "loss": float(history["loss"][-1]), "updates": int(history["step"][-1])}


if __name__ == "__main__":
    found = reached(**json.loads(sys.argv[1]))
    if not tg.distributed.rank():
        print(json.dumps(found))
