"""Reading rows of digits without knowing where each digit stands: convolution, bidirectional LSTM, CTC.

Rows hold two to four digits side by side; the network sees columns, and the loss sums over all alignments.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, LONGEST, HIDDEN, BLANK = 10, 4, 4, 12, 0


def given(dtype):
    rng = np.random.default_rng(0)
    train, _ = data.digits()
    digits, labels = train.batch(slice(400))
    lengths = rng.integers(2, LONGEST + 1, (STEPS, SIZE))
    images = np.zeros((STEPS, SIZE, 8, 8 * LONGEST, 1))
    targets = np.zeros((STEPS, SIZE, LONGEST), int)
    for step, n in np.ndindex(STEPS, SIZE):
        for k, chosen in enumerate(rng.integers(0, 400, lengths[step, n])):
            images[step, n, :, 8 * k : 8 * k + 8] = digits[chosen]
            targets[step, n, k] = labels[chosen] + 1
    return {"images": images.astype(dtype), "targets": targets, "lengths": lengths}


def theirs(images, targets, lengths):
    import torch
    from torch import nn

    class CRNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3, padding=1)
            self.pool = nn.MaxPool2d((4, 2))
            self.rnn = nn.LSTM(16, HIDDEN, bidirectional=True)
            self.fc = nn.Linear(2 * HIDDEN, 11)

        def forward(self, x):
            x = self.pool(torch.relu(self.conv(x)))  # (N, C, 2, W)
            x = x.flatten(1, 2).permute(2, 0, 1)  # (W, N, 2 * C)
            x, _ = self.rnn(x)
            return self.fc(x).log_softmax(2)

    model = CRNN()
    yield model.state_dict()
    criterion = nn.CTCLoss(blank=BLANK, zero_infinity=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    images = torch.from_numpy(images).permute(0, 1, 4, 2, 3)
    for x, y, target_lengths in zip(images, torch.from_numpy(targets), torch.from_numpy(lengths), strict=True):
        log_probs = model(x)
        input_lengths = 4 * target_lengths
        loss = criterion(log_probs, y, input_lengths, target_lengths)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 0.1)
        optimizer.step()
        yield loss.item()


class CRNN(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.pool = nn.MaxPool2d((4, 2))
        self.rnn = nn.LSTM(16, HIDDEN, bidirectional=True)
        self.fc = nn.Linear(2 * HIDDEN, 11)

    def forward(self, x):
        x = self.pool(tg.relu(self.conv(x)))  # (N, 2, W, C)
        x = x.transpose(0, 2, 3, 1).reshape(len(x), -1, 16)  # (N, W, C * 2), numbered as in PyTorch
        x, _ = self.rnn(x)
        return tg.log_softmax(self.fc(x), axis=2).swapaxes(0, 1)


def ours(start, images, targets, lengths):
    model = CRNN().to(images.dtype)
    tg.io.from_torch(model, start, flatten={})
    criterion = nn.CTCLoss(blank=BLANK, zero_infinity=True)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for x, y, target_lengths in zip(images, targets, lengths, strict=True):
        log_probs = model(x)
        input_lengths = 4 * target_lengths
        loss = criterion(log_probs, y, input_lengths, target_lengths)
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_value(model.parameters(), 0.1)
        optimizer.step()
        yield loss.item()
