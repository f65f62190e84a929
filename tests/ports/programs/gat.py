"""A graph attention network: heads that look at neighbours only, joined, then one head for the classes."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, NODES, FEATURES, HIDDEN, HEADS, CLASSES, SEEN = 15, 50, 10, 6, 3, 3, 20


def given(dtype):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, NODES)
    alike = labels[:, None] == labels
    edges = np.triu(rng.random((NODES, NODES)) < np.where(alike, 0.2, 0.02), 1)
    features = rng.standard_normal((NODES, FEATURES)) + np.eye(CLASSES, FEATURES)[labels]
    return {"x": features.astype(dtype), "adj": edges | edges.T | np.eye(NODES, dtype=bool), "labels": labels}


def theirs(x, adj, labels):
    import torch
    import torch.nn.functional as F

    class GraphAttentionLayer(torch.nn.Module):
        def __init__(self, inputs, outputs, concat=True):
            super().__init__()
            self.outputs, self.concat = outputs, concat
            self.W = torch.nn.Parameter(torch.empty(inputs, outputs))
            torch.nn.init.xavier_uniform_(self.W.data, gain=1.414)
            self.a = torch.nn.Parameter(torch.empty(2 * outputs, 1))
            torch.nn.init.xavier_uniform_(self.a.data, gain=1.414)
            self.leakyrelu = torch.nn.LeakyReLU(0.2)

        def forward(self, h, adj):
            Wh = torch.mm(h, self.W)
            e = self.leakyrelu(Wh @ self.a[: self.outputs] + (Wh @ self.a[self.outputs :]).T)
            attention = torch.where(adj, e, -9e15 * torch.ones_like(e))
            attention = F.softmax(attention, dim=1)
            h_prime = torch.matmul(attention, Wh)
            return F.elu(h_prime) if self.concat else h_prime

    class GAT(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attentions = torch.nn.ModuleList([GraphAttentionLayer(FEATURES, HIDDEN) for _ in range(HEADS)])
            self.out_att = GraphAttentionLayer(HIDDEN * HEADS, CLASSES, concat=False)

        def forward(self, x, adj):
            x = torch.cat([att(x, adj) for att in self.attentions], dim=1)
            return F.log_softmax(F.elu(self.out_att(x, adj)), dim=1)

    model = GAT()
    yield model.state_dict()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, weight_decay=5e-4)
    x, adj, labels = map(torch.from_numpy, (x, adj, labels))
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.nll_loss(model(x, adj)[:SEEN], labels[:SEEN])
        loss.backward()
        optimizer.step()
        yield loss.item()


class GraphAttentionLayer(nn.Module):
    def __init__(self, inputs, outputs, concat=True):
        self.outputs, self.concat = outputs, concat
        self.W = nn.Parameter(nn.init.glorot_uniform((inputs, outputs)))
        self.a = nn.Parameter(nn.init.glorot_uniform((2 * outputs, 1)))
        self.leakyrelu = nn.LeakyReLU(0.2)

    def forward(self, h, adj):
        Wh = h @ self.W
        e = self.leakyrelu(Wh @ self.a[: self.outputs] + (Wh @ self.a[self.outputs :]).T)
        attention = tg.where(adj, e, -9e15)
        attention = tg.softmax(attention, axis=1)
        h_prime = attention @ Wh
        return tg.elu(h_prime) if self.concat else h_prime


class GAT(nn.Module):
    def __init__(self):
        self.attentions = nn.ModuleList([GraphAttentionLayer(FEATURES, HIDDEN) for _ in range(HEADS)])
        self.out_att = GraphAttentionLayer(HIDDEN * HEADS, CLASSES, concat=False)

    def forward(self, x, adj):
        x = tg.concatenate([att(x, adj) for att in self.attentions], axis=1)
        return tg.log_softmax(tg.elu(self.out_att(x, adj)), axis=1)


def ours(start, x, adj, labels):
    model = GAT().to(x.dtype)
    tg.io.from_torch(model, start)
    optimizer = optim.Adam(model.parameters(), lr=0.005, weight_decay=5e-4)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = tg.nll_loss(model(x, adj)[:SEEN], labels[:SEEN])
        loss.backward()
        optimizer.step()
        yield loss.item()
