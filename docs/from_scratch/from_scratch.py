r"""
An autograd engine in six steps
===============================

This page builds the core of ``tinygrad_cnn`` again, small enough to read in one sitting.  Each step is a few lines,
runs here, and is compared with the real thing at the end.  What the real engine adds is said where it matters.

Step 1: a value that remembers
------------------------------

An expression runs at once.  What is left behind is a *node*: which op ran, on which inputs, and what came out.
"""

import numpy as np

import tinygrad_cnn as tg


class Node:
    """A value, the op that made it, and the nodes that it was made from."""

    def __init__(self, value, op=None, inputs=()):
        self.value, self.op, self.inputs = np.asarray(value, float), op, inputs

    def __add__(self, other):
        return add(self, other)

    def __mul__(self, other):
        return mul(self, other)

    __radd__, __rmul__ = __add__, __mul__


# %%
# A leaf, a parameter say, has no op.  Nodes point at nodes, from results to inputs and never back, so there are no
# cycles, and memory is free again as soon as nobody holds the result.
#
# Step 2: an op is a function and its rules
# -----------------------------------------
#
# An op computes with arrays.  For each input it has a *rule*, which turns the gradient ``g`` of the output into the
# gradient of that input.  Rules are kept in the op, by the input's name.  Nothing else in the engine knows any
# derivative.


class Op:
    """A function on arrays, and one rule for each input."""

    def __init__(self, fn, **rules):
        self.fn, self.rules = fn, rules

    def __call__(self, *inputs, **parameters):
        if not any(isinstance(x, Node) for x in inputs):
            return self.fn(*inputs, **parameters)  # arrays in, array out: no record
        nodes = [x if isinstance(x, Node) else Node(x) for x in inputs]
        y = Node(self.fn(*[n.value for n in nodes], **parameters), self, nodes)
        y.parameters = parameters
        return y


# %%
# The first line of ``__call__`` is the idea on which all else rests: *the same op works on arrays and on nodes*.  A
# rule that is made of ops therefore works on both as well.

add = Op(np.add, a=lambda g, a, b: unbroadcast(g, a), b=lambda g, a, b: unbroadcast(g, b))
mul = Op(
    np.multiply,
    a=lambda g, a, b: unbroadcast(mul(g, b), a),
    b=lambda g, a, b: unbroadcast(mul(g, a), b),
)

# %%
# Step 3: broadcasting, undone
# ----------------------------
#
# NumPy repeats a small array to meet a large one.  What was repeated has been used many times, so its gradient is a
# sum. Summing and repeating are each other's rule.  (The real engine does this once, on every edge of the graph, so
# that no rule needs to say it.)


def shape_of(x):
    return x.value.shape if isinstance(x, Node) else np.shape(x)


def reduce_to(x, *, shape):
    """Sum x over the axes that broadcasting added or repeated."""
    extra = x.ndim - len(shape)
    x = x.sum(axis=tuple(range(extra)))
    repeated = tuple(k for k, n in enumerate(shape) if n == 1 < x.shape[k])
    return x.sum(axis=repeated, keepdims=True)


sum_to = Op(reduce_to, x=lambda g, x, shape: spread(g, shape=shape_of(x)))
spread = Op(
    lambda x, *, shape: np.broadcast_to(x, shape),
    x=lambda g, x, shape: sum_to(g, shape=shape_of(x)),
)


def unbroadcast(g, like):
    return g if shape_of(g) == shape_of(like) else sum_to(g, shape=shape_of(like))


# %%
# Step 4: the walk back
# ---------------------
#
# In :math:`b = a + a,\; c = b \cdot b` both uses of :math:`b` must have reported before :math:`b` passes its
# gradient on. So nodes are put in order first, inputs before what uses them, with a stack instead of recursion: a
# chain of 100,000 ops must not meet the interpreter's limit.


def in_order(root):
    """Every node behind the root once, inputs before consumers."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(n, False) for n in node.inputs]
    return order


def grad(y, wrt, create_graph=False):
    """The gradients of a number y in some nodes: arrays, or nodes to go on from."""
    grads = {y: Node(np.ones(())) if create_graph else np.ones(())}
    for node in reversed(in_order(y)):
        if node.op is None or node not in grads:
            continue
        g = grads[node]
        inputs = node.inputs if create_graph else [n.value for n in node.inputs]
        for n, rule in zip(node.inputs, node.op.rules.values(), strict=True):
            gn = rule(g, *inputs, **node.parameters)
            grads[n] = add(grads[n], gn) if n in grads else gn
    return [grads[x] for x in wrt]


a = Node(3.0)
b = a + a
c = b * b  # (2 a)^2, whose derivative is 8 a
assert grad(c, [a])[0] == 24
for _ in range(60):  # 2^60 paths, 60 nodes: each is walked once
    c = c + c
print("dc/da =", grad(c, [a])[0] / 2**60)

# %%
# Step 5: convolution, closed under differentiation
# -------------------------------------------------
#
# The product of a gradient with a convolution is a form in three arguments,
#
# .. math:: \langle g,\; x \star w \rangle = \sum_{h, v, i, j, c, o} g_{hvo}\; x_{h+i,\,v+j,\,c}\; w_{ijco},
#
# linear in each.  Leave one of them open and you have the convolution itself, the gradient of the image, or the
# gradient of the filters.  Three ops, and the rule of each is one of the other two: *no second derivative is ever
# written by hand*.


def windows(x, size):
    """All windows of an image (H, W, C) -> (H', W', C, I, J)."""
    return np.lib.stride_tricks.sliding_window_view(x, size, axis=(0, 1))


def face_y(x, w):
    return np.einsum("hvcij,ijco->hvo", windows(x, w.shape[:2]), w)


def face_x(g, w):
    i, j = w.shape[0] - 1, w.shape[1] - 1
    padded = np.pad(g, ((i, i), (j, j), (0, 0)))
    return np.einsum("hvoij,ijco->hvc", windows(padded, w.shape[:2]), w[::-1, ::-1])


def face_w(x, g):
    return np.einsum("ijchv,hvo->ijco", windows(x, g.shape[:2]), g)


conv = Op(face_y, x=lambda g, x, w: conv_dx(g, w), w=lambda g, x, w: conv_dw(x, g))
conv_dx = Op(face_x, g=lambda dx, g, w: conv(dx, w), w=lambda dx, g, w: conv_dw(dx, g))
conv_dw = Op(face_w, x=lambda dw, x, g: conv_dx(g, dw), g=lambda dw, x, g: conv(x, dw))

rng = np.random.default_rng(0)
image, filters = rng.standard_normal((7, 6, 2)), rng.standard_normal((3, 3, 2, 4))
g = rng.standard_normal((5, 4, 4))
faces = [
    np.vdot(g, conv(image, filters)),
    np.vdot(conv_dx(g, filters), image),
    np.vdot(conv_dw(image, g), filters),
]
print("one number, three ways:", np.round(faces, 10))
assert np.allclose(faces, faces[0])

# %%
# Step 6: any order
# -----------------
#
# With ``create_graph=True`` the walk hands nodes to the rules instead of arrays.  The rules, being made of ops,
# record what they do; so the gradient has a graph, and can be differentiated again.  Here is a sum of squares of a
# gradient, and its own gradient, against the real engine.


def steepness(x, w, conv, total, gradient):
    """How much a convolution's squared output reacts to the filters, as one number."""
    y = conv(x, w)
    slope = gradient(total(y * y * y), w)
    return total(slope * slope)


def total(x):
    return sum_to(x, shape=())


x, w = Node(image), Node(filters)
first = steepness(x, w, conv, total, lambda y, w: grad(y, [w], create_graph=True)[0])
ours = grad(first, [x, w])

X = tg.Tensor(image[None], requires_grad=True, name="x")
W = tg.Tensor(filters, requires_grad=True, name="w")
first = steepness(X, W, tg.conv2d, tg.sum, lambda y, w: tg.grad(y, w, create_graph=True))
real = tg.grad(first, [X, W])
for mine, theirs in zip(ours, real, strict=True):
    difference = np.abs(mine - theirs.reshape(mine.shape)).max() / np.abs(theirs).max()
    print(f"largest difference, relative: {difference:.1e}")
    assert np.allclose(mine, theirs.reshape(mine.shape))

# %%
# That is all.  The graph of the second order, drawn by the real engine:

slope = tg.grad((tg.conv2d(X, W) ** 3).sum(), W, create_graph=True)
picture = tg.draw((slope * slope).sum(), title="How steep, as a graph")

# %%
# What the real engine adds
# -------------------------
#
# * A rule names what it needs (``lambda g, w``), and only that is kept alive.
# * Rules for inputs that need no gradient are not run: the first layer's image gradient is never computed.
# * Gradients are added up in place, where the engine made the buffer itself.
# * A saved array is let go after ``backward``; a second one says what happened, and what to do.
# * Assigning to a parameter between forward and backward is noticed.
# * Ops carry samples and a slow reference, from which all tests of gradients are made.
#
# Read on in ``tinygrad_cnn/core``: ``node.py``, ``op.py``, ``engine.py``, in this order.
