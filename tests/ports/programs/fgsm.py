"""Adversarial training: images moved along the sign of their gradient (FGSM), and the network trained on both.

The source is Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples" (2015).
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, EPSILON = 10, 24, 0.1


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

    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, 1, 1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(128, 10),
    )  # fmt: skip
    yield model.state_dict()

    def fgsm_attack(image, epsilon, data_grad):
        sign_data_grad = data_grad.sign()
        perturbed_image = image + epsilon * sign_data_grad
        return torch.clamp(perturbed_image, 0, 1)

    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    images = torch.from_numpy(images).permute(0, 1, 4, 2, 3)
    for x, target in zip(images, torch.from_numpy(labels), strict=True):
        x = x.clone()
        x.requires_grad = True
        clean = F.cross_entropy(model(x), target)
        model.zero_grad()
        clean.backward()
        perturbed = fgsm_attack(x, EPSILON, x.grad.data).detach()
        adversarial = F.cross_entropy(model(perturbed), target)
        loss = (F.cross_entropy(model(x.detach()), target) + adversarial) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield clean.item(), adversarial.item()


def fgsm_attack(image, epsilon, data_grad):
    sign_data_grad = np.sign(data_grad)
    perturbed_image = image + epsilon * sign_data_grad
    return tg.clip(perturbed_image, 0, 1)


def ours(start, images, labels):
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10),
    ).to(images.dtype)  # fmt: skip
    tg.io.from_torch(model, start, input_shape=(8, 8, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for x, target in zip(images, labels, strict=True):
        x = tg.tensor(x)
        x.requires_grad = True
        clean = tg.softmax_cross_entropy(model(x), target)
        model.zero_grad()
        clean.backward()
        perturbed = fgsm_attack(x, EPSILON, x.grad).detach()
        adversarial = tg.softmax_cross_entropy(model(perturbed), target)
        loss = (tg.softmax_cross_entropy(model(x.detach()), target) + adversarial) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield clean.item(), adversarial.item()
