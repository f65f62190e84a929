"""Deep dream: an image climbs the gradient of what it excites in a fixed network, through octaves and with jitter."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn

OCTAVES, ITERATIONS, SCALE, LR = 3, 4, 1.4, 0.3


def given(dtype):
    rng = np.random.default_rng(0)
    return {
        "image": rng.random((1, 24, 24, 3)).astype(dtype),
        "jitter": rng.integers(-3, 4, (OCTAVES, ITERATIONS, 2)),
    }


def theirs(image, jitter):
    import torch
    import torch.nn.functional as F
    from torch import nn

    features = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2),
        nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(inplace=True), nn.AvgPool2d(2),
        nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(inplace=True),
    ).eval()  # fmt: skip
    for p in features.parameters():
        p.requires_grad_(False)
    yield features.state_dict()
    activations = {}

    def hook(name):
        def keep(module, inputs, output):
            activations[name] = output

        return keep

    features[4].register_forward_hook(hook("early"))
    features[7].register_forward_hook(hook("late"))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    mean, std = (v.to(torch.from_numpy(image).dtype).view(1, 3, 1, 1) for v in (mean, std))
    original = (torch.from_numpy(image).permute(0, 3, 1, 2) - mean) / std
    sizes = [tuple(int(n / SCALE**k) for n in original.shape[2:]) for k in reversed(range(OCTAVES))]
    detail = torch.zeros(1, 3, *sizes[0], dtype=original.dtype)
    for octave, size in enumerate(sizes):
        base = F.interpolate(original, size=size, mode="bilinear", align_corners=False)
        detail = F.interpolate(detail, size=size, mode="bilinear", align_corners=False)
        img = (base + detail).requires_grad_(True)
        for dy, dx in jitter[octave].tolist():
            rolled = torch.roll(img, shifts=(dy, dx), dims=(2, 3))
            features(rolled)
            loss = activations["late"].pow(2).mean() + 0.1 * activations["early"].norm()
            loss.backward()
            grad = img.grad.data
            img.data += LR * grad / (grad.abs().mean() + 1e-8)
            img.data = torch.max(torch.min(img.data, (1 - mean) / std), -mean / std)
            img.grad.zero_()
            yield img.mean().item(), loss.item()
        detail = img.detach() - base


def ours(start, image, jitter):
    features = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(),
    ).eval().to(image.dtype)  # fmt: skip
    features.requires_grad_(False)
    tg.io.from_torch(features, start)
    activations = {}

    def hook(name):
        def keep(module, inputs, output):
            activations[name] = output

        return keep

    features[4].register_forward_hook(hook("early"))
    features[7].register_forward_hook(hook("late"))
    mean, std = (np.array(v, np.float32).astype(image.dtype) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    original = (image - mean) / std
    sizes = [tuple(int(n / SCALE**k) for n in original.shape[1:3]) for k in reversed(range(OCTAVES))]
    detail = tg.zeros((1, *sizes[0], 3), dtype=original.dtype)
    for octave, size in enumerate(sizes):
        base = tg.resize(original, size, mode="bilinear")
        detail = tg.resize(detail, size, mode="bilinear")
        img = base + detail
        img.requires_grad = True
        for dy, dx in jitter[octave].tolist():
            rolled = tg.roll(img, (dy, dx), axis=(1, 2))
            features(rolled)
            loss = (activations["late"] ** 2).mean() + 0.1 * tg.norm(activations["early"])
            loss.backward()
            grad = img.grad
            with tg.no_grad():
                img += LR * grad / (np.abs(grad).mean() + 1e-8)
                img.assign(tg.maximum(tg.minimum(img, (1 - mean) / std), -mean / std))
            img.grad = None
            yield img.mean().item(), loss.item()
        detail = img.detach() - base
