"""Fast neural style: a network with instance norm learns to paint, judged by features and their Gram matrices.

The features are those of a small network with random weights that stay as they are.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

from ..porting import channels_first

STEPS, SIZE, SIDE = 10, 2, 16
CONTENT, STYLE = 1e2, 1e4


def given(dtype):
    rng = np.random.default_rng(0)
    waves = rng.standard_normal((STEPS * SIZE + 1, 1, 1, 3)) * np.arange(SIDE)[:, None, None] / 4
    images = 0.5 + 0.5 * np.sin(waves + 2 * rng.random((STEPS * SIZE + 1, 1, SIDE, 3)))
    return {"images": images[1:].reshape(STEPS, SIZE, SIDE, SIDE, 3).astype(dtype), "style": images[:1].astype(dtype)}


def theirs(images, style):
    import torch
    import torch.nn.functional as F

    class ConvLayer(torch.nn.Module):
        def __init__(self, in_channels, out_channels, kernel_size, stride):
            super().__init__()
            self.reflection_pad = torch.nn.ReflectionPad2d(kernel_size // 2)
            self.conv2d = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride)

        def forward(self, x):
            return self.conv2d(self.reflection_pad(x))

    class TransformerNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = ConvLayer(3, 4, kernel_size=5, stride=1)
            self.in1 = torch.nn.InstanceNorm2d(4, affine=True)
            self.conv2 = ConvLayer(4, 8, kernel_size=3, stride=2)
            self.in2 = torch.nn.InstanceNorm2d(8, affine=True)
            self.res = ConvLayer(8, 8, kernel_size=3, stride=1)
            self.in3 = torch.nn.InstanceNorm2d(8, affine=True)
            self.deconv1 = ConvLayer(8, 4, kernel_size=3, stride=1)
            self.in4 = torch.nn.InstanceNorm2d(4, affine=True)
            self.deconv2 = ConvLayer(4, 3, kernel_size=5, stride=1)

        def forward(self, x):
            y = F.relu(self.in1(self.conv1(x)))
            y = F.relu(self.in2(self.conv2(y)))
            y = y + F.relu(self.in3(self.res(y)))
            y = F.interpolate(y, mode="nearest", scale_factor=2)
            y = F.relu(self.in4(self.deconv1(y)))
            return self.deconv2(y)

    class Features(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.slice1 = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU())
            self.slice2 = torch.nn.Sequential(
                torch.nn.MaxPool2d(2), torch.nn.Conv2d(8, 12, 3, padding=1), torch.nn.ReLU()
            )
            for param in self.parameters():
                param.requires_grad = False

        def forward(self, x):
            first = self.slice1(x)
            return first, self.slice2(first)

    def gram_matrix(y):
        b, ch, h, w = y.size()
        features = y.view(b, ch, w * h)
        return features.bmm(features.transpose(1, 2)) / (ch * h * w)

    transformer, vgg = TransformerNet(), Features()
    yield {"transformer": transformer.state_dict(), "vgg": vgg.state_dict()}
    optimizer = torch.optim.Adam(transformer.parameters(), 1e-3)
    mse_loss = torch.nn.MSELoss()
    images = channels_first(images)
    style = channels_first(style).repeat(SIZE, 1, 1, 1)
    gram_style = [gram_matrix(y) for y in vgg(style)]
    for x in images:
        optimizer.zero_grad()
        y = transformer(x)
        features_y, features_x = vgg(y), vgg(x)
        content_loss = CONTENT * mse_loss(features_y[1], features_x[1])
        style_loss = 0.0
        for ft_y, gm_s in zip(features_y, gram_style, strict=True):
            style_loss += mse_loss(gram_matrix(ft_y), gm_s)
        style_loss *= STYLE
        total_loss = content_loss + style_loss
        total_loss.backward()
        optimizer.step()
        yield content_loss.item(), style_loss.item()


class ConvLayer(nn.Module):
    def __init__(self, in_channels, out_channels, window, stride):
        self.reflection_pad = nn.ReflectionPad2d(window // 2)
        self.conv2d = nn.Conv2d(in_channels, out_channels, window, stride)

    def forward(self, x):
        return self.conv2d(self.reflection_pad(x))


class TransformerNet(nn.Module):
    def __init__(self):
        self.conv1 = ConvLayer(3, 4, window=5, stride=1)
        self.in1 = nn.InstanceNorm2d(4)
        self.conv2 = ConvLayer(4, 8, window=3, stride=2)
        self.in2 = nn.InstanceNorm2d(8)
        self.res = ConvLayer(8, 8, window=3, stride=1)
        self.in3 = nn.InstanceNorm2d(8)
        self.deconv1 = ConvLayer(8, 4, window=3, stride=1)
        self.in4 = nn.InstanceNorm2d(4)
        self.deconv2 = ConvLayer(4, 3, window=5, stride=1)
        self.upsample = nn.Upsample(2)

    def forward(self, x):
        y = tg.relu(self.in1(self.conv1(x)))
        y = tg.relu(self.in2(self.conv2(y)))
        y = y + tg.relu(self.in3(self.res(y)))
        y = self.upsample(y)
        y = tg.relu(self.in4(self.deconv1(y)))
        return self.deconv2(y)


class Features(nn.Module):
    def __init__(self):
        self.slice1 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.slice2 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 12, 3, padding=1), nn.ReLU())
        self.requires_grad_(False)

    def forward(self, x):
        first = self.slice1(x)
        return first, self.slice2(first)


def gram_matrix(y):
    b, h, w, ch = y.shape
    features = y.reshape(b, h * w, ch)
    return features.swapaxes(1, 2) @ features / (ch * h * w)


def ours(start, images, style):
    transformer, vgg = TransformerNet().to(images.dtype), Features().to(images.dtype)
    tg.io.from_torch(transformer, start["transformer"])
    tg.io.from_torch(vgg, start["vgg"])
    optimizer = optim.Adam(transformer.parameters(), 1e-3)
    mse_loss = nn.MSELoss()
    gram_style = [gram_matrix(y) for y in vgg(style.repeat(SIZE, axis=0))]
    for x in images:
        optimizer.zero_grad()
        y = transformer(x)
        features_y, features_x = vgg(y), vgg(x)
        content_loss = CONTENT * mse_loss(features_y[1], features_x[1])
        style_loss = 0.0
        for ft_y, gm_s in zip(features_y, gram_style, strict=True):
            style_loss += mse_loss(gram_matrix(ft_y), gm_s)
        style_loss *= STYLE
        total_loss = content_loss + style_loss
        total_loss.backward()
        optimizer.step()
        yield content_loss.item(), style_loss.item()
