"""Knowledge distillation: a small network learns from the softened outputs of a larger one, and from labels.

The source is Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network" (2015).
"""

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, T, ALPHA = 12, 32, 4.0, 0.7


def given(dtype):
    train, _ = data.digits()
    images, labels = train.batch(slice(STEPS * SIZE))
    return {
        "images": images.reshape(STEPS, SIZE, 8, 8, 1).astype(dtype),
        "labels": labels.reshape(STEPS, SIZE),
    }


def theirs(images, labels):
    import torch
    import torch.nn.functional as F
    from torch import nn

    teacher = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 48), nn.ReLU(), nn.Dropout(0.5), nn.Linear(48, 10),
    )  # fmt: skip
    student = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    with torch.no_grad():
        teacher[-1].weight *= 8  # as sharp as after training
    yield {"teacher": teacher.state_dict(), "student": student.state_dict()}

    def distillation_loss(y, labels, teacher_scores):
        soft = F.kl_div(F.log_softmax(y / T, dim=1), F.softmax(teacher_scores / T, dim=1), reduction="batchmean")
        return soft * (T * T * ALPHA) + F.cross_entropy(y, labels) * (1.0 - ALPHA), soft

    teacher.eval()
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for x, y in zip(torch.from_numpy(images).permute(0, 1, 4, 2, 3), torch.from_numpy(labels), strict=True):
        with torch.no_grad():
            teacher_scores = teacher(x)
        loss, soft = distillation_loss(student(x), y, teacher_scores)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield soft.item(), loss.item()


def distillation_loss(y, labels, teacher_scores):
    soft = tg.kl_div(tg.log_softmax(y / T, axis=1), tg.softmax(teacher_scores / T, axis=1), reduction="batchmean")
    return soft * (T * T * ALPHA) + tg.softmax_cross_entropy(y, labels) * (1.0 - ALPHA), soft


def ours(start, images, labels):
    teacher = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 48), nn.ReLU(), nn.Dropout(0.5), nn.Linear(48, 10),
    ).to(images.dtype)  # fmt: skip
    student = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)).to(images.dtype)
    tg.io.from_torch(teacher, start["teacher"], input_shape=(8, 8, 1))
    tg.io.from_torch(student, start["student"], input_shape=(8, 8, 1))
    teacher.eval()
    optimizer = optim.Adam(student.parameters(), lr=0.01)
    for x, y in zip(images, labels, strict=True):
        with tg.no_grad():
            teacher_scores = teacher(x)
        loss, soft = distillation_loss(student(x), y, teacher_scores)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield soft.item(), loss.item()
