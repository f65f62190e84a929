"""The program of a rank: train on digits, die at an appointed update, and note each loss."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import data, models, optim


def train(*, folder: str, updates: int, batch: int, deaths: dict[str, int]) -> None:
    """Train until `updates` are over; rank R dies right before update ``deaths[R]``."""
    tg.set_num_threads(1)
    net = models.build("lenet", (8, 8, 1), 10, 0)
    net, optimizer = tg.distributed.parallel(net, optim.Adam(net.parameters(), 2e-3), elastic=True, stall_timeout=60)
    me, done = optimizer.world.rank, 0
    loader = data.DataLoader(data.digits()[0], batch, shuffle=True, seed=0)
    with Path(folder, f"{me}.jsonl").open("w", encoding="utf-8") as file:
        while done < updates:
            for x, y in loader:
                if done == deaths.get(str(me)):
                    file.flush()
                    os.kill(os.getpid(), signal.SIGKILL)
                optimizer.zero_grad()
                loss = tg.softmax_cross_entropy(net(x), y)
                loss.backward()
                optimizer.step()
                done += 1
                print(json.dumps([done, float(loss)]), file=file)
                if done == updates:
                    break
    accuracy = tg.evaluate(net, data.digits()[1])["accuracy"]
    if not optimizer.world.rank:
        print(json.dumps({"left": optimizer.world.size, "accuracy": accuracy}), flush=True)


if __name__ == "__main__":
    train(**json.loads(sys.argv[1]))
