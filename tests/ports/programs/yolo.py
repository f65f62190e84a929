"""A detector on a grid, with the loss of YOLO: anchors, box offsets, confidence and classes in one tensor.

Scenes hold one or two bright rectangles; their class is whether they are wide or tall.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, SIZE, PIXELS, GRID, CLASSES = 12, 8, 32, 4, 2
ANCHORS = [[1.8, 1.0], [1.0, 1.8]]  # width, height, in cells


def given(dtype):
    rng = np.random.default_rng(0)
    images = rng.random((STEPS * SIZE, PIXELS, PIXELS, 1)) * 0.1
    boxes = []  # image, class, centre x, centre y, width, height, as shares of the image
    for k, image in enumerate(images):
        for cell in rng.choice(GRID * GRID, rng.integers(1, 3), replace=False):
            kind = int(rng.integers(CLASSES))
            w, h = rng.uniform(10, 15), rng.uniform(5, 9)
            w, h = (w, h) if kind == 0 else (h, w)
            x, y = ((np.array([cell % GRID, cell // GRID]) + rng.uniform(0.1, 0.9, 2)) * PIXELS / GRID).tolist()
            image[max(0, int(y - h / 2)) : int(y + h / 2), max(0, int(x - w / 2)) : int(x + w / 2)] = 1
            boxes.append([k, kind, x / PIXELS, y / PIXELS, w / PIXELS, h / PIXELS])
    return {
        "images": images.reshape(STEPS, SIZE, PIXELS, PIXELS, 1).astype(dtype),
        "boxes": np.array(boxes, dtype),
        "anchors": np.array(ANCHORS, dtype),
    }


def theirs(images, boxes, anchors):
    import torch
    from torch import nn

    A = len(ANCHORS)

    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.1),
                nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.1),
                nn.Conv2d(16, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.1),
            )  # fmt: skip
            self.head = nn.Conv2d(16, A * (5 + CLASSES), 1)

        def forward(self, x):
            y = self.head(self.features(x))
            n, _, h, w = y.shape
            return y.view(n, A, 5 + CLASSES, h, w).permute(0, 1, 3, 4, 2)

    def build_targets(boxes, anchors, n):
        obj = torch.zeros(n, A, GRID, GRID, dtype=torch.bool)
        txywh = torch.zeros(n, A, GRID, GRID, 4, dtype=boxes.dtype)
        cls = torch.zeros(n, A, GRID, GRID, dtype=torch.long)
        b, c = boxes[:, :2].long().t()
        gxy, gwh = boxes[:, 2:4] * GRID, boxes[:, 4:6] * GRID
        gi, gj = gxy.long().t()
        inter = torch.min(gwh[:, None], anchors[None]).prod(-1)
        iou = inter / (gwh.prod(-1)[:, None] + anchors.prod(-1)[None] - inter)
        best = iou.argmax(1)
        obj[b, best, gj, gi] = True
        txywh[b, best, gj, gi, :2] = gxy - gxy.floor()
        txywh[b, best, gj, gi, 2:] = torch.log(gwh / anchors[best])
        cls[b, best, gj, gi] = c
        return obj, txywh, cls

    mse, bce, ce = nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()

    def yolo_loss(pred, obj, txywh, cls):
        xy = torch.sigmoid(pred[..., 0:2])
        wh = pred[..., 2:4]
        conf = pred[..., 4]
        box = mse(xy[obj], txywh[obj][:, :2]) + mse(wh[obj], txywh[obj][:, 2:])
        confidence = bce(conf[obj], torch.ones_like(conf[obj])) + 0.5 * bce(conf[~obj], torch.zeros_like(conf[~obj]))
        classes = ce(pred[..., 5:][obj], cls[obj])
        return box, confidence, classes, 5 * box + confidence + classes

    model = Tiny()
    yield model.state_dict()
    images, boxes, anchors = map(torch.from_numpy, (images, boxes, anchors))
    images = images.permute(0, 1, 4, 2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    for k, x in enumerate(images):
        here = boxes[(boxes[:, 0] >= k * SIZE) & (boxes[:, 0] < (k + 1) * SIZE)].clone()
        here[:, 0] -= k * SIZE
        targets = build_targets(here, anchors, len(x))
        losses = yolo_loss(model(x), *targets)
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
        yield tuple(loss.item() for loss in losses)


A = len(ANCHORS)


class Tiny(nn.Module):
    def __init__(self):
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.1),
            nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.1),
            nn.Conv2d(16, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.1),
        )  # fmt: skip
        self.head = nn.Conv2d(16, A * (5 + CLASSES), 1)

    def forward(self, x):
        y = self.head(self.features(x))
        n, h, w, _ = y.shape
        return y.reshape(n, h, w, A, 5 + CLASSES).transpose(0, 3, 1, 2, 4)


def build_targets(boxes, anchors, n):
    obj = np.zeros((n, A, GRID, GRID), bool)
    txywh = np.zeros((n, A, GRID, GRID, 4), boxes.dtype)
    cls = np.zeros((n, A, GRID, GRID), int)
    b, c = boxes[:, :2].astype(int).T
    gxy, gwh = boxes[:, 2:4] * GRID, boxes[:, 4:6] * GRID
    gi, gj = gxy.astype(int).T
    inter = np.minimum(gwh[:, None], anchors[None]).prod(-1)
    iou = inter / (gwh.prod(-1)[:, None] + anchors.prod(-1)[None] - inter)
    best = iou.argmax(1)
    obj[b, best, gj, gi] = True
    txywh[b, best, gj, gi, :2] = gxy - np.floor(gxy)
    txywh[b, best, gj, gi, 2:] = np.log(gwh / anchors[best])
    cls[b, best, gj, gi] = c
    return obj, txywh, cls


mse, bce, ce = nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()


def yolo_loss(pred, obj, txywh, cls):
    xy = tg.sigmoid(pred[..., 0:2])
    wh = pred[..., 2:4]
    conf = pred[..., 4]
    box = mse(xy[obj], txywh[obj][:, :2]) + mse(wh[obj], txywh[obj][:, 2:])
    confidence = bce(conf[obj], tg.ones_like(conf[obj])) + 0.5 * bce(conf[~obj], tg.zeros_like(conf[~obj]))
    classes = ce(pred[..., 5:][obj], cls[obj])
    return box, confidence, classes, 5 * box + confidence + classes


def ours(start, images, boxes, anchors):
    model = Tiny().to(images.dtype)
    tg.io.from_torch(model, start)
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    for k, x in enumerate(images):
        here = boxes[(boxes[:, 0] >= k * SIZE) & (boxes[:, 0] < (k + 1) * SIZE)].copy()
        here[:, 0] -= k * SIZE
        targets = build_targets(here, anchors, len(x))
        losses = yolo_loss(model(x), *targets)
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
        yield tuple(loss.item() for loss in losses)
