"""A temporal convolutional network with weight norm: dilated, causal convolutions that add up a sequence's marks.

The source is Bai, Kolter, Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
Sequence Modeling" (2018), with its adding problem.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, SIZE, LENGTH, WIDTH = 12, 16, 20, 8


def given(dtype):
    rng = np.random.default_rng(0)
    values = rng.random((STEPS, SIZE, LENGTH))
    marks = np.zeros((STEPS, SIZE, LENGTH))
    for step, n in np.ndindex(STEPS, SIZE):
        marks[step, n, rng.choice(LENGTH, 2, replace=False)] = 1
    return {
        "sequences": np.stack([values, marks], -1).astype(dtype),
        "sums": (values * marks).sum(-1, keepdims=True).astype(dtype),
    }


def theirs(sequences, sums):
    import torch
    import torch.nn.functional as F
    from torch import nn
    from torch.nn.utils.parametrizations import weight_norm

    class TemporalBlock(nn.Module):
        def __init__(self, n_inputs, n_outputs, kernel_size, dilation):
            super().__init__()
            self.padding = (kernel_size - 1) * dilation
            self.conv1 = weight_norm(nn.Conv1d(n_inputs, n_outputs, kernel_size, dilation=dilation))
            self.conv2 = weight_norm(nn.Conv1d(n_outputs, n_outputs, kernel_size, dilation=dilation))
            self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None

        def forward(self, x):
            out = F.relu(self.conv1(F.pad(x, (self.padding, 0))))
            out = F.relu(self.conv2(F.pad(out, (self.padding, 0))))
            res = x if self.downsample is None else self.downsample(x)
            return F.relu(out + res)

    class TCN(nn.Module):
        def __init__(self):
            super().__init__()
            self.tcn = nn.Sequential(*[TemporalBlock(WIDTH if i else 2, WIDTH, 3, 2**i) for i in range(3)])
            self.linear = weight_norm(nn.Linear(WIDTH, 1))

        def forward(self, x):
            return self.linear(self.tcn(x)[:, :, -1])

    model = TCN()
    yield model.state_dict()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for x, y in zip(torch.from_numpy(sequences).transpose(2, 3), torch.from_numpy(sums), strict=True):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()


class TemporalBlock(nn.Module):
    def __init__(self, n_inputs, n_outputs, kernel_size, dilation):
        self.padding = (kernel_size - 1) * dilation
        self.conv1 = nn.weight_norm(nn.Conv1d(n_inputs, n_outputs, kernel_size, dilation=dilation))
        self.conv2 = nn.weight_norm(nn.Conv1d(n_outputs, n_outputs, kernel_size, dilation=dilation))
        self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None

    def forward(self, x):
        past = ((0, 0), (self.padding, 0), (0, 0))
        out = tg.relu(self.conv1(tg.pad(x, past)))
        out = tg.relu(self.conv2(tg.pad(out, past)))
        res = x if self.downsample is None else self.downsample(x)
        return tg.relu(out + res)


class TCN(nn.Module):
    def __init__(self):
        self.tcn = nn.Sequential(*[TemporalBlock(WIDTH if i else 2, WIDTH, 3, 2**i) for i in range(3)])
        self.linear = nn.weight_norm(nn.Linear(WIDTH, 1))

    def forward(self, x):
        return self.linear(self.tcn(x)[:, -1])


def ours(start, sequences, sums):
    model = TCN().to(sequences.dtype)
    tg.io.from_torch(model, start, flatten={})
    optimizer = optim.Adam(model.parameters(), lr=4e-3)
    for x, y in zip(sequences, sums, strict=True):
        optimizer.zero_grad()
        loss = tg.mse_loss(model(x), y)
        loss.backward()
        optim.clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()
