"""A small network with everything that a training may have, steps that train it, and comparisons of whole trainings."""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim


class Net(nn.Module):
    """Batch norm, dropout with generators of its own and with the default one, a checkpoint on request."""

    def __init__(self, checkpoint=False):
        rng = np.random.default_rng(0)
        self.conv, self.norm = nn.Conv2d(2, 4, 3, rng=rng), nn.BatchNorm2d(4)
        self.drop, self.inside = nn.Dropout(0.2, rng=1), nn.Dropout(0.3, rng=2)
        self.hidden, self.again, self.out = nn.Linear(16, 5, rng=rng), nn.BatchNorm1d(5), nn.Linear(5, 3, rng=rng)
        self.checkpoint = checkpoint

    def forward(self, x):
        x = tg.reshape(self.drop(tg.relu(self.norm(self.conv(x)))), (-1, 16))
        return self.out(tg.checkpoint(self.block, x) if self.checkpoint else self.block(x))

    def block(self, x):
        return tg.dropout(self.again(self.inside(self.hidden(x))), 0.1)


def sgd(net):
    return optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def adamw(net):
    return optim.AdamW(net.parameters(), lr=0.01)


def plain(net, optimizer, others):
    """A training step and nothing else."""

    def step(x, y):
        loss = tg.softmax_cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def full(net, optimizer, others):
    """Gradients clipped in both ways, a moving average of the weights, a schedule; returns the norm too."""
    ema, schedule = optim.EMA(net, 0.9, warmup=True), optim.CosineLR(optimizer, 20)
    others.update(ema=ema, schedule=schedule)

    def step(x, y):
        loss = tg.softmax_cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        norm = optim.clip_grad_norm(net.parameters(), 0.5)
        optim.clip_grad_value(net.parameters(), 0.1)
        optimizer.step()
        ema.update()
        schedule.step()
        return loss, norm

    return step


def accumulated(net, optimizer, others):
    """Gradients of two halves of the batch."""

    def step(x, y):
        optimizer.zero_grad()
        for k in (0, 3):
            loss = tg.softmax_cross_entropy(net(x[k : k + 3]), y[k : k + 3]) / 2
            loss.backward()
        optimizer.step()
        return loss

    return step


def penalised(net, optimizer, others):
    """A penalty on the gradient of the loss by the input: second derivatives."""

    def step(x, y):
        x = tg.Tensor(x, requires_grad=True)
        loss = tg.softmax_cross_entropy(net(x), y)
        g = tg.grad(loss, x, create_graph=True)
        optimizer.zero_grad()
        (loss + 0.1 * (g * g).sum()).backward()
        optimizer.step()
        return loss

    return step


def by_hand(net, optimizer, others):
    """No optimiser; gradients are scaled by NumPy."""
    parameters = list(net.parameters())

    def step(x, y):
        loss = tg.softmax_cross_entropy(net((x - x.mean()) / x.std()), y)
        net.zero_grad()
        loss.backward()
        total = sum((p.grad**2).sum() for p in parameters)
        for p in parameters:
            p.grad *= np.minimum(1.0, 0.5 / np.sqrt(total))
        with tg.no_grad():
            for p in parameters:
                p -= 0.1 * p.grad
        return loss, total

    return step


def noisy(net, optimizer, others):
    """Draws outside of layers, from the default generator and from one of its own; a running total in a Tensor."""
    rng, total = np.random.default_rng(5), tg.Tensor(np.zeros((), np.float32))
    others["rng"] = rng

    def step(x, y):
        x = x + tg.randn(6, 4, 4, 2) * 0.1 + tg.rand(6, 4, 4, 2, rng=rng)
        loss = tg.softmax_cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total.assign(total.detach() * 0.9 + loss.detach())
        return {"loss": loss, "total": total * 1, "who": "noisy", "count": len(y)}

    return step


def state_of(net, optimizer, others):
    """Whatever a training has: weights, statistics, gradients, states, generators."""
    states = {
        "net": net.state_dict(), "optimizer": optimizer.state_dict(),
        "gradients": {name: p.grad for name, p in net.named_parameters()},
        "generators": {str(k): rng.bit_generator.state for k, rng in enumerate(net.generators())},
        "default": {"": tg.get_rng_state()},
    }  # fmt: skip
    for name, one in others.items():
        states[name] = one.state_dict() if hasattr(one, "state_dict") else {"": one.bit_generator.state}
    return {f"{of}: {k}": frozen(v) for of, state in states.items() for k, v in state.items()}


def frozen(value):
    """A value that compares bit for bit."""
    if isinstance(value, tg.Tensor):
        value = value.data
    if isinstance(value, (np.ndarray, np.generic)):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, (tuple, list)):
        return [frozen(v) for v in value]
    if isinstance(value, dict):
        return {k: frozen(v) for k, v in value.items()}
    return repr(value)


def batches(count, shape=(6, 4, 4, 2), classes=3, sizes=(6,)):
    """Random batches, of these sizes in turn."""
    rng = np.random.default_rng(1)
    for k in range(count):
        n = sizes[k % len(sizes)]
        yield rng.standard_normal((n, *shape[1:])).astype(np.float32), rng.integers(0, classes, n)


def train(make, optimizer, step_of, *, compiled, count=10, between=None, verify=True, **data):
    """A training: after each step what it returned and the whole state; and the step."""
    tg.manual_seed(7)
    net, others, seen = make(), {}, []
    moving = optimizer(net)
    step = step_of(net, moving, others)
    if compiled:
        step = tg.compile(step, verify=verify)
    for k, (x, y) in enumerate(batches(count, **data)):
        if between is not None:
            between(k, net, moving)
        seen.append((frozen(step(x, y)), state_of(net, moving, others)))
    return seen, step


def compare(make, optimizer, step_of, **settings):
    """Train eagerly and compiled, assert that all is equal after each step; the compiled step."""
    (eager, _), (replayed, step) = (train(make, optimizer, step_of, compiled=c, **settings) for c in (False, True))
    for k, (a, b) in enumerate(zip(eager, replayed, strict=True)):
        assert a[0] == b[0], f"step {k} returned something else"
        assert a[1].keys() == b[1].keys()
        assert [name for name in a[1] if a[1][name] != b[1][name]] == [], f"after step {k}"
    return step
