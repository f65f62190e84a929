"""A language model of characters: embedding, two layers of GRU, truncated backpropagation through time, RMSprop.

The state goes on from one stretch of text to the next, cut off from its history, and gradients are clipped.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

TEXT = (
    "the quick brown fox jumps over the lazy dog while five boxing wizards jump quickly and the dog sleeps on. "
    "pack my box with five dozen jugs of water; how vexingly quick daft zebras jump. the fox is quick, the dog is not. "
) * 3
SIZE, LENGTH, HIDDEN, STEPS = 4, 12, 24, 12


def given(dtype):
    letters = sorted(set(TEXT))
    numbers = np.array([letters.index(c) for c in TEXT])
    return {"numbers": numbers[: len(numbers) // SIZE * SIZE].reshape(SIZE, -1), "dtype": dtype}


def theirs(numbers, dtype):
    import torch
    from torch import nn

    vocabulary = int(numbers.max()) + 1

    class CharRNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Embedding(vocabulary, 16)
            self.gru = nn.GRU(16, HIDDEN, num_layers=2, batch_first=True)
            self.decoder = nn.Linear(HIDDEN, vocabulary)

        def forward(self, x, hidden):
            out, hidden = self.gru(self.encoder(x), hidden)
            return self.decoder(out), hidden

        def init_hidden(self, batch_size):
            weight = next(self.parameters())
            return weight.new_zeros(2, batch_size, HIDDEN)

    model = CharRNN()
    yield model.state_dict()
    numbers = torch.from_numpy(numbers)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3)
    hidden = model.init_hidden(SIZE)
    for step in range(STEPS):
        begin = step * LENGTH
        x, y = numbers[:, begin : begin + LENGTH], numbers[:, begin + 1 : begin + LENGTH + 1]
        hidden = hidden.detach()
        optimizer.zero_grad()
        logits, hidden = model(x, hidden)
        loss = criterion(logits.reshape(-1, vocabulary), y.reshape(-1))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        yield norm.item(), loss.item()


def ours(start, numbers, dtype):
    vocabulary = int(numbers.max()) + 1

    class CharRNN(nn.Module):
        def __init__(self):
            self.encoder = nn.Embedding(vocabulary, 16)
            self.gru = nn.GRU(16, HIDDEN, num_layers=2)
            self.decoder = nn.Linear(HIDDEN, vocabulary)

        def forward(self, x, hidden):
            out, hidden = self.gru(self.encoder(x), hidden)
            return self.decoder(out), hidden

        def init_hidden(self, batch_size):
            weight = next(self.parameters())
            return tg.zeros((2, batch_size, HIDDEN), dtype=weight.dtype)

    model = CharRNN().to(dtype)
    tg.io.from_torch(model, start)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.RMSprop(model.parameters(), lr=5e-3)
    hidden = model.init_hidden(SIZE)
    for step in range(STEPS):
        begin = step * LENGTH
        x, y = numbers[:, begin : begin + LENGTH], numbers[:, begin + 1 : begin + LENGTH + 1]
        hidden = hidden.detach()
        optimizer.zero_grad()
        logits, hidden = model(x, hidden)
        loss = criterion(logits.reshape(-1, vocabulary), y.reshape(-1))
        loss.backward()
        norm = optim.clip_grad_norm(model.parameters(), 0.5)
        optimizer.step()
        yield norm, loss.item()
