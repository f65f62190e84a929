"""Sharpness-aware minimisation: an optimiser of the user's own, with two backward passes in each step.

The source is Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving
Generalization" (2021).
"""

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE = 10, 32


def given(dtype):
    train, _ = data.digits()
    images, labels = train.batch(slice(STEPS * SIZE))
    return {
        "images": images.reshape(STEPS, SIZE, 64).astype(dtype),
        "labels": labels.reshape(STEPS, SIZE),
    }


def theirs(images, labels):
    import torch

    class SAM(torch.optim.Optimizer):
        def __init__(self, params, base_optimizer, rho=0.05, **kwargs):
            super().__init__(params, {"rho": rho, **kwargs})
            self.base_optimizer = base_optimizer(self.param_groups, **kwargs)
            self.param_groups = self.base_optimizer.param_groups

        @torch.no_grad()
        def first_step(self):
            grads = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
            norm = torch.norm(torch.stack([grad.norm(p=2) for grad in grads]))
            for group in self.param_groups:
                scale = group["rho"] / (norm + 1e-12)
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    self.state[p]["old_p"] = p.data.clone()
                    p.add_(p.grad * scale)
            self.zero_grad()

        @torch.no_grad()
        def second_step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    p.data = self.state[p]["old_p"]
            self.base_optimizer.step()
            self.zero_grad()

    model = torch.nn.Sequential(torch.nn.Linear(64, 24), torch.nn.Tanh(), torch.nn.Linear(24, 10))
    yield model.state_dict()
    optimizer = SAM(model.parameters(), torch.optim.SGD, rho=0.5, lr=0.2, momentum=0.9)
    criterion = torch.nn.CrossEntropyLoss()
    for x, y in zip(torch.from_numpy(images), torch.from_numpy(labels), strict=True):
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.first_step()
        sharp = criterion(model(x), y)
        sharp.backward()
        optimizer.second_step()
        yield loss.item(), sharp.item()


class SAM(optim.Optimizer):
    def __init__(self, params, base_optimizer, rho=0.05, **kwargs):
        params = list(params)
        super().__init__(params, {"rho": rho})
        self.base_optimizer = base_optimizer(params, **kwargs)

    @tg.no_grad()
    def first_step(self):
        grads = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norm = tg.norm(tg.stack([tg.norm(grad) for grad in grads]))
        for group in self.param_groups:
            scale = group["rho"] / (norm + 1e-12)
            for p in group["params"]:
                if p.grad is None:
                    continue
                self.state[p]["old_p"] = p.numpy()
                p += p.grad * scale
        self.zero_grad()

    @tg.no_grad()
    def second_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.assign(self.state[p]["old_p"])
        self.base_optimizer.step()
        self.zero_grad()


def ours(start, images, labels):
    model = nn.Sequential(nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 10)).to(images.dtype)
    tg.io.from_torch(model, start)
    optimizer = SAM(model.parameters(), optim.SGD, rho=0.5, lr=0.2, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    for x, y in zip(images, labels, strict=True):
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.first_step()
        sharp = criterion(model(x), y)
        sharp.backward()
        optimizer.second_step()
        yield loss.item(), sharp.item()
