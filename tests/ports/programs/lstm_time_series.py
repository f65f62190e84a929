"""Two LSTM cells read sine waves, predict the next value at each time, and then go on by themselves."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, SIZE, LENGTH, FUTURE, HIDDEN = 10, 6, 20, 5, 12


def given(dtype):
    rng = np.random.default_rng(0)
    waves = np.sin((np.arange(LENGTH + 1) + rng.integers(-80, 80, (SIZE, 1))) / 5)
    return {"inputs": waves[:, :-1].astype(dtype), "target": waves[:, 1:].astype(dtype)}


def theirs(inputs, target):
    import torch

    class Sequence(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm1 = torch.nn.LSTMCell(1, HIDDEN)
            self.lstm2 = torch.nn.LSTMCell(HIDDEN, HIDDEN)
            self.linear = torch.nn.Linear(HIDDEN, 1)

        def forward(self, inputs, future=0):
            outputs = []
            h_t = c_t = h_t2 = c_t2 = torch.zeros(inputs.size(0), HIDDEN, dtype=inputs.dtype)
            for input_t in inputs.split(1, dim=1):
                h_t, c_t = self.lstm1(input_t, (h_t, c_t))
                h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
                output = self.linear(h_t2)
                outputs += [output]
            for _ in range(future):
                h_t, c_t = self.lstm1(output, (h_t, c_t))
                h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
                output = self.linear(h_t2)
                outputs += [output]
            return torch.cat(outputs, dim=1)

    seq = Sequence()
    yield seq.state_dict()
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.RMSprop(seq.parameters(), lr=0.005, momentum=0.5)
    inputs, target = torch.from_numpy(inputs), torch.from_numpy(target)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = criterion(seq(inputs), target)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            ahead = seq(inputs, future=FUTURE)
        yield loss.item(), criterion(ahead[:, :-FUTURE], target).item(), ahead[:, -FUTURE:].mean().item()


class Sequence(nn.Module):
    def __init__(self):
        self.lstm1 = nn.LSTMCell(1, HIDDEN)
        self.lstm2 = nn.LSTMCell(HIDDEN, HIDDEN)
        self.linear = nn.Linear(HIDDEN, 1)

    def forward(self, inputs, future=0):
        outputs = []
        h_t = c_t = h_t2 = c_t2 = np.zeros((inputs.shape[0], HIDDEN), inputs.dtype)
        for input_t in tg.split(inputs, inputs.shape[1], axis=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for _ in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return tg.concatenate(outputs, axis=1)


def ours(start, inputs, target):
    seq = Sequence().to(inputs.dtype)
    tg.io.from_torch(seq, start)
    criterion = nn.MSELoss()
    optimizer = optim.RMSprop(seq.parameters(), lr=0.005, momentum=0.5)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = criterion(seq(inputs), target)
        loss.backward()
        optimizer.step()
        with tg.no_grad():
            ahead = seq(inputs, future=FUTURE)
        yield loss.item(), criterion(ahead[:, :-FUTURE], target).item(), ahead[:, -FUTURE:].mean().item()
