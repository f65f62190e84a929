"""A graph convolutional network that classifies nodes: a dense, normalised adjacency, two layers, weight decay."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

STEPS, NODES, FEATURES, CLASSES, SEEN = 20, 60, 12, 3, 20


def given(dtype):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, NODES)
    alike = labels[:, None] == labels
    edges = np.triu(rng.random((NODES, NODES)) < np.where(alike, 0.2, 0.02), 1)
    adj = edges + edges.T + np.eye(NODES)
    degree = adj.sum(axis=1)
    features = rng.standard_normal((NODES, FEATURES)) + 0.5 * np.eye(CLASSES, FEATURES)[labels]
    adj = adj / np.sqrt(degree[:, None] * degree)
    masks = (rng.random((STEPS, NODES, 16)) < 0.5) * 2.0
    return {"x": features.astype(dtype), "adj": adj.astype(dtype), "labels": labels, "masks": masks.astype(dtype)}


def theirs(x, adj, labels, masks):
    import torch
    import torch.nn.functional as F

    class GraphConv(torch.nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.kernel = torch.nn.Parameter(torch.empty(inputs, outputs))
            self.bias = torch.nn.Parameter(torch.zeros(outputs))
            torch.nn.init.xavier_uniform_(self.kernel)

        def forward(self, x, adj):
            return torch.mm(adj, torch.mm(x, self.kernel)) + self.bias

    class GCN(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gc1 = GraphConv(FEATURES, 16)
            self.gc2 = GraphConv(16, CLASSES)

        def forward(self, x, adj, mask):
            x = F.relu(self.gc1(x, adj)) * mask
            return F.log_softmax(self.gc2(x, adj), dim=1)

    model = GCN()
    yield model.state_dict()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    x, adj, labels = map(torch.from_numpy, (x, adj, labels))
    for mask in torch.from_numpy(masks):
        optimizer.zero_grad()
        output = model(x, adj, mask)
        loss = F.nll_loss(output[:SEEN], labels[:SEEN])
        loss.backward()
        optimizer.step()
        yield loss.item()


class GraphConv(nn.Module):
    def __init__(self, inputs, outputs):
        self.kernel = nn.Parameter(nn.init.glorot_uniform((inputs, outputs)))
        self.bias = nn.Parameter(np.zeros(outputs))

    def forward(self, x, adj):
        return adj @ (x @ self.kernel) + self.bias


class GCN(nn.Module):
    def __init__(self):
        self.gc1 = GraphConv(FEATURES, 16)
        self.gc2 = GraphConv(16, CLASSES)

    def forward(self, x, adj, mask):
        x = tg.relu(self.gc1(x, adj)) * mask
        return tg.log_softmax(self.gc2(x, adj), axis=1)


def ours(start, x, adj, labels, masks):
    model = GCN().to(x.dtype)
    tg.io.from_torch(model, start)
    optimizer = optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    for mask in masks:
        optimizer.zero_grad()
        output = model(x, adj, mask)
        loss = tg.nll_loss(output[:SEEN], labels[:SEEN])
        loss.backward()
        optimizer.step()
        yield loss.item()
