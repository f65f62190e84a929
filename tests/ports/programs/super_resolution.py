"""Super-resolution by a factor of two: four convolutions and a pixel shuffle, started orthogonal.

The small images are the means of 2x2 pixels of the large ones.
"""

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

from ..porting import channels_first

STEPS, SIZE = 12, 4


def given(dtype):
    train, _ = data.fashion_mnist_sample()
    images, _ = train.batch(slice(STEPS * SIZE))
    large = images.reshape(STEPS, SIZE, 28, 28, 1).astype(dtype)
    small = large.reshape(STEPS, SIZE, 14, 2, 14, 2, 1).mean(axis=(3, 5))
    return {"small": small, "large": large}


def theirs(small, large):
    import torch
    from torch.nn import init

    class Net(torch.nn.Module):
        def __init__(self, upscale_factor):
            super().__init__()
            self.relu = torch.nn.ReLU()
            self.conv1 = torch.nn.Conv2d(1, 16, (5, 5), (1, 1), (2, 2))
            self.conv2 = torch.nn.Conv2d(16, 16, (3, 3), (1, 1), (1, 1))
            self.conv3 = torch.nn.Conv2d(16, 8, (3, 3), (1, 1), (1, 1))
            self.conv4 = torch.nn.Conv2d(8, upscale_factor**2, (3, 3), (1, 1), (1, 1))
            self.pixel_shuffle = torch.nn.PixelShuffle(upscale_factor)
            init.orthogonal_(self.conv1.weight, init.calculate_gain("relu"))
            init.orthogonal_(self.conv2.weight, init.calculate_gain("relu"))
            init.orthogonal_(self.conv3.weight, init.calculate_gain("relu"))
            init.orthogonal_(self.conv4.weight)

        def forward(self, x):
            x = self.relu(self.conv1(x))
            x = self.relu(self.conv2(x))
            x = self.relu(self.conv3(x))
            return self.pixel_shuffle(self.conv4(x))

    model = Net(upscale_factor=2)
    yield model.state_dict()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    criterion = torch.nn.MSELoss()
    small, large = channels_first(small), channels_first(large)
    for x, target in zip(small, large, strict=True):
        optimizer.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        optimizer.step()
        yield loss.item()


class Net(nn.Module):
    def __init__(self, upscale_factor):
        self.conv1 = nn.Conv2d(1, 16, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(16, 16, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(16, 8, (3, 3), (1, 1), (1, 1))
        self.conv4 = nn.Conv2d(8, upscale_factor**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)

    def forward(self, x):
        x = tg.relu(self.conv1(x))
        x = tg.relu(self.conv2(x))
        x = tg.relu(self.conv3(x))
        return self.pixel_shuffle(self.conv4(x))


def ours(start, small, large):
    model = Net(upscale_factor=2).to(small.dtype)
    tg.io.from_torch(model, start)
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    criterion = nn.MSELoss()
    for x, target in zip(small, large, strict=True):
        optimizer.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        optimizer.step()
        yield loss.item()
