"""A classifier of digits: two convolutions, dropout, Adadelta with a rate that falls after each epoch.

Dropout multiplies with masks that are drawn beforehand.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

from ..porting import channels_first

EPOCHS, BATCHES, SIZE = 3, 4, 32


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    images, labels = train.batch(slice(BATCHES * SIZE))
    return {
        "images": images.astype(dtype),
        "labels": labels,
        "masks": ((rng.random((EPOCHS * BATCHES, SIZE, 32)) < 0.5) * 2).astype(dtype),
    }


def theirs(images, labels, masks):
    import torch
    import torch.nn.functional as F

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(1, 8, 3, 1)
            self.conv2 = torch.nn.Conv2d(8, 16, 3, 1)
            self.fc1 = torch.nn.Linear(64, 32)
            self.fc2 = torch.nn.Linear(32, 10)

        def forward(self, x, mask):
            x = F.relu(self.conv1(x))
            x = F.relu(self.conv2(x))
            x = F.max_pool2d(x, 2)
            x = torch.flatten(x, 1)
            x = F.relu(self.fc1(x)) * mask
            return F.log_softmax(self.fc2(x), dim=1)

    model = Net()
    yield model.state_dict()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    masks = torch.from_numpy(masks)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(channels_first(images), torch.from_numpy(labels)),
        batch_size=SIZE,
    )
    for epoch in range(EPOCHS):
        for k, (x, target) in enumerate(loader):
            optimizer.zero_grad()
            loss = F.nll_loss(model(x, masks[epoch * BATCHES + k]), target)
            loss.backward()
            optimizer.step()
            yield loss.item()
        scheduler.step()


class Net(nn.Module):
    def __init__(self):
        self.conv1 = nn.Conv2d(1, 8, 3, 1)
        self.conv2 = nn.Conv2d(8, 16, 3, 1)
        self.fc1 = nn.Linear(64, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x, mask):
        x = tg.relu(self.conv1(x))
        x = tg.relu(self.conv2(x))
        x = tg.max_pool2d(x, 2)
        x = tg.flatten(x, 1)
        x = tg.relu(self.fc1(x)) * mask
        return tg.log_softmax(self.fc2(x), axis=1)


def ours(start, images, labels, masks):
    model = Net().to(images.dtype)
    tg.io.from_torch(model, start, flatten={"fc1": (16, 2, 2)})
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = optim.StepLR(optimizer, step_size=1, gamma=0.7)
    loader = data.DataLoader(data.ArrayDataset(images, labels), batch_size=SIZE)
    for epoch in range(EPOCHS):
        for k, (x, target) in enumerate(loader):
            optimizer.zero_grad()
            loss = tg.nll_loss(model(x, masks[epoch * BATCHES + k]), target)
            loss.backward()
            optimizer.step()
            yield loss.item()
        scheduler.step()
