"""Quantisation-aware training: weights and activations rounded to a few bits, gradients passed straight through.

Weights are rounded in each channel by its largest size; activations by a running range, a buffer.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, BITS = 12, 32, 4


def given(dtype):
    train, _ = data.digits()
    images, labels = train.batch(slice(STEPS * SIZE))
    return {
        "images": images.reshape(STEPS, SIZE, 64).astype(dtype),
        "labels": labels.reshape(STEPS, SIZE),
    }


def theirs(images, labels):
    import torch
    import torch.nn.functional as F

    class RoundSTE(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.round(x)

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    class QuantLinear(torch.nn.Linear):
        def forward(self, x):
            top = 2 ** (BITS - 1) - 1
            scale = self.weight.detach().abs().amax(1, keepdim=True) / top
            weight = RoundSTE.apply(self.weight / scale).clamp(-top, top) * scale
            return F.linear(x, weight, self.bias)

    class QuantAct(torch.nn.Module):
        def __init__(self, momentum=0.1):
            super().__init__()
            self.momentum = momentum
            self.register_buffer("high", torch.tensor(1.0))

        def forward(self, x):
            if self.training:
                self.high.mul_(1 - self.momentum).add_(self.momentum * x.detach().max())
            scale = self.high / (2**BITS - 1)
            return RoundSTE.apply(torch.clamp(x / scale, 0, 2**BITS - 1)) * scale

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = QuantLinear(64, 32)
            self.act1 = QuantAct()
            self.fc2 = QuantLinear(32, 10)

        def forward(self, x):
            return self.fc2(self.act1(F.relu(self.fc1(x))))

    model = Net()
    yield model.state_dict()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for x, y in zip(torch.from_numpy(images), torch.from_numpy(labels), strict=True):
        model.train()
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            after = F.cross_entropy(model(x), y)
        yield loss.item(), after.item()


@tg.op
def round_ste(x):
    return np.round(x)


round_ste.vjp(x=lambda g: g)


class QuantLinear(nn.Linear):
    def forward(self, x):
        top = 2 ** (BITS - 1) - 1
        scale = tg.abs(self.weight.detach()).max(0, keepdims=True) / top
        weight = round_ste(self.weight / scale).clip(-top, top) * scale
        return tg.linear(x, weight, self.bias)


class QuantAct(nn.Module):
    def __init__(self, momentum=0.1):
        self.momentum = momentum
        self.register_buffer("high", np.array(1.0))

    def forward(self, x):
        if self.training:
            self.high *= 1 - self.momentum
            self.high += self.momentum * x.detach().max()
        scale = self.high / (2**BITS - 1)
        return round_ste(tg.clip(x / scale, 0, 2**BITS - 1)) * scale


class Net(nn.Module):
    def __init__(self):
        self.fc1 = QuantLinear(64, 32)
        self.act1 = QuantAct()
        self.fc2 = QuantLinear(32, 10)

    def forward(self, x):
        return self.fc2(self.act1(tg.relu(self.fc1(x))))


def ours(start, images, labels):
    model = Net().to(images.dtype)
    tg.io.from_torch(model, start)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for x, y in zip(images, labels, strict=True):
        model.train()
        loss = tg.softmax_cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with tg.no_grad():
            after = tg.softmax_cross_entropy(model(x), y)
        yield loss.item(), after.item()
