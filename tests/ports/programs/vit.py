"""A vision transformer: patches by a convolution, a class token, learned places, two blocks, AdamW and a cosine."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

STEPS, SIZE, PATCH, DIM, HEADS = 10, 16, 2, 16, 4


def given(dtype):
    train, _ = data.digits()
    images, labels = train.batch(slice(STEPS * SIZE))
    return {"images": images.reshape(STEPS, SIZE, 8, 8, 1).astype(dtype), "labels": labels.reshape(STEPS, SIZE)}


def theirs(images, labels):
    import torch
    import torch.nn.functional as F

    from ..porting import channels_first

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1 = torch.nn.LayerNorm(DIM)
            self.attn = torch.nn.MultiheadAttention(DIM, HEADS, batch_first=True)
            self.norm2 = torch.nn.LayerNorm(DIM)
            self.mlp = torch.nn.Sequential(
                torch.nn.Linear(DIM, 2 * DIM), torch.nn.GELU(), torch.nn.Linear(2 * DIM, DIM)
            )

        def forward(self, x):
            y = self.norm1(x)
            x = x + self.attn(y, y, y, need_weights=False)[0]
            return x + self.mlp(self.norm2(x))

    class ViT(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = torch.nn.Conv2d(1, DIM, kernel_size=PATCH, stride=PATCH)
            self.cls_token = torch.nn.Parameter(torch.zeros(1, 1, DIM))
            self.pos_embedding = torch.nn.Parameter(0.02 * torch.randn(1, 17, DIM))
            self.blocks = torch.nn.Sequential(Block(), Block())
            self.norm = torch.nn.LayerNorm(DIM)
            self.head = torch.nn.Linear(DIM, 10)

        def forward(self, x):
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
            x = self.blocks(x + self.pos_embedding)
            return self.head(self.norm(x)[:, 0])

    model = ViT()
    yield model.state_dict()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
    for x, y in zip(channels_first(images), torch.from_numpy(labels), strict=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        scheduler.step()
        yield loss.item()


class Block(nn.Module):
    def __init__(self):
        self.norm1 = nn.LayerNorm(DIM)
        self.attn = nn.MultiheadAttention(DIM, HEADS)
        self.norm2 = nn.LayerNorm(DIM)
        self.mlp = nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.GELU(), nn.Linear(2 * DIM, DIM))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attn(y, y, y)
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self):
        self.patches = nn.Conv2d(1, DIM, window=PATCH, stride=PATCH)
        self.cls_token = nn.Parameter(np.zeros((1, 1, DIM)))
        self.pos_embedding = nn.Parameter(0.02 * tg.randn(1, 17, DIM))
        self.blocks = nn.Sequential(Block(), Block())
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, 10)

    def forward(self, x):
        x = self.patches(x)
        x = x.reshape(x.shape[0], -1, DIM)
        x = tg.concatenate([tg.broadcast_to(self.cls_token, (x.shape[0], 1, DIM)), x], axis=1)
        x = self.blocks(x + self.pos_embedding)
        return self.head(self.norm(x)[:, 0])


def ours(start, images, labels):
    model = ViT().to(images.dtype)
    tg.io.from_torch(model, start)
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    scheduler = optim.CosineLR(optimizer, steps=STEPS)
    for x, y in zip(images, labels, strict=True):
        optimizer.zero_grad()
        loss = tg.softmax_cross_entropy(model(x), y, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        scheduler.step()
        yield loss.item()
