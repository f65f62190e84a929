"""Gradients added up over four small batches, then clipped, with groups of parameters and a warm-up of the rate."""

import math

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, PARTS, SIZE = 10, 4, 8


def given(dtype):
    train, _ = data.digits()
    images, labels = train.batch(slice(STEPS * PARTS * SIZE))
    return {
        "images": images.reshape(STEPS * PARTS, SIZE, 8, 8, 1).astype(dtype),
        "labels": labels.reshape(STEPS * PARTS, SIZE),
    }


def rate(step):
    return (step + 1) / 4 if step < 3 else 0.5 * (1 + math.cos(math.pi * (step - 3) / STEPS))


def theirs(images, labels):
    import torch

    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1, bias=False), torch.nn.BatchNorm2d(8), torch.nn.GELU(),
        torch.nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False), torch.nn.BatchNorm2d(8), torch.nn.GELU(),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 10),
    )  # fmt: skip
    yield model.state_dict()
    decay = [p for p in model.parameters() if p.ndim > 1]
    no_decay = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.SGD(
        [{"params": decay, "weight_decay": 1e-2}, {"params": no_decay, "weight_decay": 0.0, "lr": 0.3}],
        lr=0.2, momentum=0.9, nesterov=True,
    )  # fmt: skip
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer.zero_grad()
    running = 0.0
    images, labels = torch.from_numpy(images).permute(0, 1, 4, 2, 3), torch.from_numpy(labels)
    for i, (x, y) in enumerate(zip(images, labels, strict=True)):
        loss = criterion(model(x), y) / PARTS
        loss.backward()
        running += loss.item()
        if (i + 1) % PARTS == 0:
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            yield scheduler.get_last_lr()[1], norm.item(), running
            running = 0.0


def ours(start, images, labels):
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.GELU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.GELU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
    ).to(images.dtype)  # fmt: skip
    tg.io.from_torch(model, start, input_shape=(8, 8, 1))
    decay = [p for p in model.parameters() if p.ndim > 1]
    no_decay = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = optim.SGD(
        [{"params": decay, "weight_decay": 1e-2}, {"params": no_decay, "weight_decay": 0.0, "lr": 0.3}],
        lr=0.2, momentum=0.9, nesterov=True,
    )  # fmt: skip
    scheduler = optim.LambdaLR(optimizer, rate)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer.zero_grad()
    running = 0.0
    for i, (x, y) in enumerate(zip(images, labels, strict=True)):
        loss = criterion(model(x), y) / PARTS
        loss.backward()
        running += loss.item()
        if (i + 1) % PARTS == 0:
            norm = optim.clip_grad_norm(model.parameters(), max_norm=0.5)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            yield scheduler.get_last_lr()[1], norm, running
            running = 0.0
