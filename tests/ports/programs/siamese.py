"""A siamese network: pairs of digits through one encoder, and a contrastive loss of their distance."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

from ..porting import channels_first

STEPS, SIZE, MARGIN = 12, 16, 2.0


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    images, labels = train.batch(slice(400))
    first = rng.integers(0, 400, (STEPS, SIZE))
    second = rng.integers(0, 400, (STEPS, SIZE))
    for i, j in np.argwhere(rng.random((STEPS, SIZE)) < 0.5):  # or a pair would seldom show one digit
        second[i, j] = rng.choice(np.flatnonzero(labels == labels[first[i, j]]))
    differ = (labels[first] != labels[second]).astype(dtype)
    return {"first": images[first].astype(dtype), "second": images[second].astype(dtype), "differ": differ}


def theirs(first, second, differ):
    import torch
    import torch.nn.functional as F

    class SiameseNetwork(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cnn = torch.nn.Sequential(
                torch.nn.Conv2d(1, 8, kernel_size=3, padding=1),
                torch.nn.ReLU(inplace=True),
                torch.nn.MaxPool2d(2, stride=2),
                torch.nn.Conv2d(8, 12, kernel_size=3),
                torch.nn.ReLU(inplace=True),
            )
            self.fc = torch.nn.Sequential(torch.nn.Linear(48, 24), torch.nn.ReLU(inplace=True), torch.nn.Linear(24, 2))

        def forward_once(self, x):
            output = self.cnn(x)
            return self.fc(output.view(output.size(0), -1))

        def forward(self, input1, input2):
            return self.forward_once(input1), self.forward_once(input2)

    class ContrastiveLoss(torch.nn.Module):
        def forward(self, output1, output2, label):
            d = F.pairwise_distance(output1, output2)
            return torch.mean((1 - label) * torch.pow(d, 2) + label * torch.pow(torch.clamp(MARGIN - d, min=0.0), 2))

    net = SiameseNetwork()
    yield net.state_dict()
    criterion = ContrastiveLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    first, second = channels_first(first), channels_first(second)
    for a, b, label in zip(first, second, torch.from_numpy(differ), strict=True):
        optimizer.zero_grad()
        output1, output2 = net(a, b)
        loss = criterion(output1, output2, label)
        loss.backward()
        optimizer.step()
        yield loss.item()


class SiameseNetwork(nn.Module):
    def __init__(self):
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 8, window=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2, stride=2),
            nn.Conv2d(8, 12, window=3),
            nn.ReLU(),
        )
        self.fc = nn.Sequential(nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 2))

    def forward_once(self, x):
        output = self.cnn(x)
        return self.fc(output.reshape(output.shape[0], -1))

    def forward(self, input1, input2):
        return self.forward_once(input1), self.forward_once(input2)


class ContrastiveLoss(nn.Module):
    def forward(self, output1, output2, label):
        d = tg.norm(output1 - output2 + 1e-6, axis=1)
        return tg.mean((1 - label) * d**2 + label * tg.clip(MARGIN - d, 0.0, None) ** 2)


def ours(start, first, second, differ):
    net = SiameseNetwork().to(first.dtype)
    tg.io.from_torch(net, start, flatten={"fc.0": (12, 2, 2)})
    criterion = ContrastiveLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for a, b, label in zip(first, second, differ, strict=True):
        optimizer.zero_grad()
        output1, output2 = net(a, b)
        loss = criterion(output1, output2, label)
        loss.backward()
        optimizer.step()
        yield loss.item()
