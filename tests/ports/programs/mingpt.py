"""A small GPT on characters: causal attention, embeddings tied to the head, weight decay for matrices only."""

import math

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, SIZE, LENGTH, EMBD, HEADS = 10, 8, 16, 24, 3
TEXT = "the quick brown fox jumps over the lazy dog while five boxing wizards pack my box with jugs. " * 4
CHARS = sorted(set(TEXT))


def given(dtype):
    rng = np.random.default_rng(0)
    codes = np.array([CHARS.index(c) for c in TEXT])
    at = rng.integers(0, len(codes) - LENGTH, (STEPS, SIZE, 1)) + np.arange(LENGTH + 1)
    return {"codes": codes[at], "dtype": np.dtype(dtype)}


def theirs(codes, dtype):
    import torch
    import torch.nn.functional as F

    class CausalSelfAttention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn = torch.nn.Linear(EMBD, 3 * EMBD)
            self.c_proj = torch.nn.Linear(EMBD, EMBD)
            self.register_buffer("bias", torch.tril(torch.ones(LENGTH, LENGTH)).view(1, 1, LENGTH, LENGTH), False)

        def forward(self, x):
            B, T, C = x.size()
            q, k, v = self.c_attn(x).split(EMBD, dim=2)
            k = k.view(B, T, HEADS, C // HEADS).transpose(1, 2)
            q = q.view(B, T, HEADS, C // HEADS).transpose(1, 2)
            v = v.view(B, T, HEADS, C // HEADS).transpose(1, 2)
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
            att = F.softmax(att, dim=-1)
            y = (att @ v).transpose(1, 2).contiguous().view(B, T, C)
            return self.c_proj(y)

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1 = torch.nn.LayerNorm(EMBD)
            self.attn = CausalSelfAttention()
            self.ln_2 = torch.nn.LayerNorm(EMBD)
            self.mlp = torch.nn.ModuleDict(
                {
                    "c_fc": torch.nn.Linear(EMBD, 4 * EMBD),
                    "c_proj": torch.nn.Linear(4 * EMBD, EMBD),
                    "act": torch.nn.GELU(approximate="tanh"),
                }
            )

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            m = self.mlp
            return x + m.c_proj(m.act(m.c_fc(self.ln_2(x))))

    class GPT(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.wte = torch.nn.Embedding(len(CHARS), EMBD)
            self.wpe = torch.nn.Embedding(LENGTH, EMBD)
            self.h = torch.nn.ModuleList([Block() for _ in range(2)])
            self.ln_f = torch.nn.LayerNorm(EMBD)
            self.lm_head = torch.nn.Linear(EMBD, len(CHARS), bias=False)
            self.lm_head.weight = self.wte.weight
            for p in self.parameters():
                if p.ndim == 2:
                    torch.nn.init.normal_(p, mean=0.0, std=0.02)

        def forward(self, idx, targets):
            x = self.wte(idx) + self.wpe(torch.arange(idx.size(1)))
            for block in self.h:
                x = block(x)
            logits = self.lm_head(self.ln_f(x))
            return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))

    model = GPT()
    yield model.state_dict()
    optim_groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(optim_groups, lr=3e-3, betas=(0.9, 0.95))
    for rows in torch.from_numpy(codes):
        _, loss = model(rows[:, :-1], rows[:, 1:])
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()


class CausalSelfAttention(nn.Module):
    def __init__(self):
        self.c_attn = nn.Linear(EMBD, 3 * EMBD)
        self.c_proj = nn.Linear(EMBD, EMBD)
        self.mask = np.tril(np.ones((LENGTH, LENGTH), bool))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = tg.split(self.c_attn(x), 3, axis=2)
        k = k.reshape(B, T, HEADS, C // HEADS).swapaxes(1, 2)
        q = q.reshape(B, T, HEADS, C // HEADS).swapaxes(1, 2)
        v = v.reshape(B, T, HEADS, C // HEADS).swapaxes(1, 2)
        att = (q @ k.swapaxes(-2, -1)) * (1.0 / math.sqrt(k.shape[-1]))
        att = tg.where(self.mask[:T, :T], att, -np.inf)
        att = tg.softmax(att, axis=-1)
        y = (att @ v).swapaxes(1, 2).reshape(B, T, C)
        return self.c_proj(y)


class Block(nn.Module):
    def __init__(self):
        self.ln_1 = nn.LayerNorm(EMBD)
        self.attn = CausalSelfAttention()
        self.ln_2 = nn.LayerNorm(EMBD)
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(EMBD, 4 * EMBD),
                "c_proj": nn.Linear(4 * EMBD, EMBD),
                "act": nn.GELU(approximate="tanh"),
            }
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        m = self.mlp
        return x + m.c_proj(m.act(m.c_fc(self.ln_2(x))))


class GPT(nn.Module):
    def __init__(self):
        self.wte = nn.Embedding(len(CHARS), EMBD)
        self.wpe = nn.Embedding(LENGTH, EMBD)
        self.h = nn.ModuleList([Block() for _ in range(2)])
        self.ln_f = nn.LayerNorm(EMBD)

    def forward(self, idx, targets):
        x = self.wte(idx) + self.wpe(np.arange(idx.shape[1]))
        for block in self.h:
            x = block(x)
        logits = self.ln_f(x) @ self.wte.weight.T  # a head that is tied to the embedding
        return logits, tg.softmax_cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def ours(start, codes, dtype):
    model = GPT().to(dtype)
    tied = start.pop("lm_head.weight")  # a second name of wte.weight there
    assert np.array_equal(tied, start["wte.weight"])
    tg.io.from_torch(model, start)
    optim_groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = optim.AdamW(optim_groups, lr=3e-3, betas=(0.9, 0.95))
    for rows in codes:
        _, loss = model(rows[:, :-1], rows[:, 1:])
        model.zero_grad()
        loss.backward()
        optim.clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()
