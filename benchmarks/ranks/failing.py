"""The program of a rank: train, and fail on rank 1 after some updates."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim


def fail(how: str) -> None:
    """Fail in one of the ways that are measured."""
    if how == "raises":
        raise ValueError("not today")
    if how == "exits":
        sys.exit(3)
    if how == "sleeps":
        time.sleep(1000)
    os.kill(os.getpid(), signal.SIGSTOP if how == "is stopped" else signal.SIGKILL)


def train(*, how: str, stall_timeout: float) -> None:
    """Train for ever; rank 1 notes the time and fails."""
    model = nn.Linear(8, 2, rng=0)
    model, optimizer = tg.distributed.parallel(
        model, optim.SGD(model.parameters(), lr=0.01), stall_timeout=stall_timeout
    )
    me, update = tg.distributed.rank(), 0
    while True:
        optimizer.zero_grad()
        (model(np.ones((4, 8), np.float32)) ** 2).mean().backward()
        optimizer.step()
        update += 1
        if update == 50 and me == 1:
            print("failed at", time.time(), flush=True)
            fail(how)


if __name__ == "__main__":
    train(**json.loads(sys.argv[1]))
