r"""
Chapter 7: Putting it all together
==================================

Channels, filters, volumes, pooling, a dense layer, softmax, a cost, gradient descent: the pieces are all there.  This
chapter joins them into one graph, writes down the formula of every step and of its gradient, checks each of them, and
takes one step of gradient descent by hand.  Then the same network, made of layers, learns to read digits.
"""

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn

BLUE, ORANGE = "#0072B2", "#D55E00"

names = ("cat", "coffee", "astronaut")
files = ("chelsea.png", "coffee.png", "astronaut.png")
try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
    photographs = data.fetch("photographs", download=False)
    small = [data.load_image(photographs / file, size=16) for file in files]
except (OSError, ImportError) as error:
    raise SystemExit(f"chapter 7: {error}") from None

# %%
# The input, separated by channel
# -------------------------------
#
# Three photographs, made very small, and three classes.  A picture of 16 x 16 pixels has three *channels*: how much
# red, green and blue there is at each place.

pictures = np.stack(small).astype(float)
labels = np.array([0, 1, 2])
N = len(pictures)
assert pictures.shape == (3, 16, 16, 3)

fig, axes = plt.subplots(3, 4, figsize=(7, 5.6), layout="constrained")
for row, (picture, name) in enumerate(zip(pictures, names, strict=True)):
    axes[row, 0].imshow(picture)
    axes[row, 0].set_ylabel(name, fontsize=12)
    for k, cmap in enumerate(("Reds_r", "Greens_r", "Blues_r")):
        axes[row, 1 + k].imshow(picture[:, :, k], cmap=cmap, vmin=0, vmax=1)
for ax, title in zip(axes[0], ("picture", "red", "green", "blue"), strict=True):
    ax.set_title(title, fontsize=12)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])

red = tg.Tensor(pictures[:, :, :, 0:1], name="red")
green = tg.Tensor(pictures[:, :, :, 1:2], name="green")
blue = tg.Tensor(pictures[:, :, :, 2:3], name="blue")

# %%
# The parameters: four filters of 3 x 3, with a slice for each channel, and their biases; the weights and biases of
# a dense layer that gives three numbers, one for each class.

rng = np.random.default_rng(0)


def parameter(*shape, scale, name):
    return tg.Tensor(scale * rng.standard_normal(shape), requires_grad=True, name=name)


w_red = parameter(3, 3, 1, 4, scale=0.3, name="w_red")
w_green = parameter(3, 3, 1, 4, scale=0.3, name="w_green")
w_blue = parameter(3, 3, 1, 4, scale=0.3, name="w_blue")
b = parameter(4, scale=0, name="b")
W = parameter(196, 3, scale=0.1, name="W")
c = parameter(3, scale=0, name="c")

# %%
# Forward, step by step
# ---------------------
#
# **Filters make a volume.**  Each filter has its own 3 x 3 window for each channel.  What the three windows find is
# added up, so each filter gives one map; the maps of the four filters, stacked, are a *volume* of depth 4.
#
# .. math:: z_{nhvo} = \sum_{k} \sum_{i,j} x_{n,\,h+i,\,v+j,\,k}\; w_{ijko} + b_o
#
# Here :math:`n` counts pictures, :math:`h` and :math:`v` places, :math:`k` the channels and :math:`o` the filters.

z = tg.conv2d(red, w_red) + (tg.conv2d(green, w_green) + tg.conv2d(blue, w_blue)) + b

w = np.concatenate([w_red.data, w_green.data, w_blue.data], axis=2)
windows = np.lib.stride_tricks.sliding_window_view(pictures, (3, 3), axis=(1, 2))
assert z.shape == (3, 14, 14, 4)
by_formula = np.einsum("nhvkij,ijko->nhvo", windows, w) + b.data
assert np.allclose(z.data, by_formula)
assert np.allclose(z.data, tg.conv2d(pictures, w) + b.data)  # or all channels in one call

# %%
# **Relu** keeps what was found and drops what is negative.  Without it two layers would be no more than one.
#
# .. math:: a = \max(z, 0)

a = tg.relu(z)
assert np.array_equal(a.data, np.where(z.data > 0, z.data, 0))

# %%
# **Pooling** keeps the largest of each window of 2 x 2: the volume becomes half as high and half as wide, and stays
# as deep.
#
# .. math:: m_{nhvo} = \max_{i,j \in \{0,1\}} a_{n,\,2h+i,\,2v+j,\,o}

m = tg.max_pool2d(a, 2)
assert m.shape == (3, 7, 7, 4)
assert np.array_equal(m.data, a.data.reshape(3, 7, 2, 7, 2, 4).max(axis=(2, 4)))

# %%
# **Flatten** writes the volume as one long row of :math:`7 \cdot 7 \cdot 4 = 196` numbers for each picture, and the
# **dense layer** connects all of them with all three classes.  Its results are called *logits*.
#
# .. math:: f_{n,\,(7h + v) \cdot 4 + o} = m_{nhvo} \qquad s = f\, W + c

f = tg.reshape(m, (N, 196))
s = f @ W + c
assert 7 * 7 * 4 == 196
assert f.data[1, (7 * 2 + 5) * 4 + 3] == m.data[1, 2, 5, 3]
assert np.allclose(s.data, np.einsum("nd,dq->nq", f.data, W.data) + c.data)

# %%
# **Softmax** turns logits into shares: positive, and 1 in all.
#
# .. math:: p_{nq} = \frac{e^{s_{nq}}}{\sum_{r} e^{s_{nr}}}

p = tg.softmax(s)
assert np.allclose(p.data, np.exp(s.data) / np.exp(s.data).sum(axis=1, keepdims=True))
assert np.allclose(p.data.sum(axis=1), 1)

# %%
# **The cost** :math:`J` is one number for the whole: how surprised the network is by the right answers
# :math:`l_n`, on average.  If it gives the right class a share of 1, nothing is added; the smaller the share, the
# more.
#
# .. math:: J = -\frac{1}{N} \sum_{n} \log p_{n,\,l_n}

J = -tg.log(p[np.arange(N), labels]).mean()
assert np.isclose(J.item(), -sum(np.log(p.data[n, labels[n]]) for n in range(N)) / N)
print(f"J = {J.item():.4f}; a network that gives each class a third has {np.log(3):.4f}")

# %%
# All of this is one graph.  Yellow boxes are what can be learnt.

picture_of_it = tg.draw(J, title="From three channels to one number")

# %%
# Backward, step by step
# ----------------------
#
# How does :math:`J` change when a number in the graph changes?  A bar marks that derivative:
# :math:`\bar{s}` is an array of the shape of :math:`s` that holds :math:`\partial J / \partial s_{nq}`.  One goes
# back from :math:`J`, and each step needs only the bar of the step after it.
#
# **Through the cost.**  Only the share of the right class matters; :math:`t_{nq}` is 1 for it and 0 for the others.
#
# .. math:: \bar{p}_{nq} = -\frac{t_{nq}}{N\, p_{nq}}

t = np.eye(3)[labels]
p_bar = -t / (N * p.data)

# %%
# **Through softmax.**  The rule is the first formula.  Put :math:`\bar{p}` into it, and nearly everything cancels:
# what is left is the mistake, the shares minus the right answer.
#
# .. math:: \bar{s}_{nq} = p_{nq} \left(\bar{p}_{nq} - \sum_{r} \bar{p}_{nr}\, p_{nr}\right)
#    = \frac{p_{nq} - t_{nq}}{N}

s_bar = p.data * (p_bar - np.sum(p_bar * p.data, axis=1, keepdims=True))
assert np.allclose(s_bar, (p.data - t) / N)

# %%
# **Through the dense layer.**
#
# .. math:: \bar{W} = f^{\top} \bar{s} \qquad \bar{c}_q = \sum_{n} \bar{s}_{nq}
#    \qquad \bar{f} = \bar{s}\, W^{\top}

W_bar, c_bar, f_bar = f.data.T @ s_bar, s_bar.sum(axis=0), s_bar @ W.data.T

# %%
# **Through flatten and pooling.**  The long row is a volume again.  Of each window of four the winner gets all, since
# a small change of the others would not have been noticed.  The square bracket is 1 if what is in it is true, else 0.
# For the four places :math:`H = 2h + i`, :math:`V = 2v + j` of each window:
#
# .. math:: \bar{a}_{nHVo} = \bar{m}_{nhvo}\; [\,a_{nHVo} = m_{nhvo}\,]

m_bar = f_bar.reshape(m.shape)


def enlarge(volume):
    """Each number four times: (N,H,W,C) -> (N,2H,2W,C)."""
    return volume.repeat(2, axis=1).repeat(2, axis=2)


a_bar = enlarge(m_bar) * (a.data == enlarge(m.data))

# %%
# (If all four are 0, they are all winners by this formula, and one of them in the code of the operation.  It makes
# no difference: relu, which comes next, passes nothing on from there.)
#
# **Through relu**, which lets pass what was positive:
#
# .. math:: \bar{z} = \bar{a}\; [z > 0]

z_bar = a_bar * (z.data > 0)

# %%
# **Through the filters.**  A weight was used at every place of every picture, so it hears from all of them:
#
# .. math:: \bar{w}_{ijko} = \sum_{n,h,v} \bar{z}_{nhvo}\; x_{n,\,h+i,\,v+j,\,k}
#
# .. math:: \bar{b}_o = \sum_{n,h,v} \bar{z}_{nhvo}

w_bar = np.einsum("nhvkij,nhvo->ijko", windows, z_bar)
b_bar = z_bar.sum(axis=(0, 1, 2))

# %%
# That was backpropagation.  Now the same from the graph, with one call, and compared.

w_bars = [w_bar[:, :, 0:1], w_bar[:, :, 1:2], w_bar[:, :, 2:3]]
by_hand = [p_bar, s_bar, W_bar, c_bar, f_bar, m_bar, z_bar, *w_bars, b_bar]
tensors = [p, s, W, c, f, m, z, w_red, w_green, w_blue, b]
gradients = tg.grad(J, tensors, retain_graph=True)
letters = ("p", "s", "W", "c", "f", "m", "z", "w_red", "w_green", "w_blue", "b")
print(f"{'bar of':8} {'shape':15} difference")
for letter, bar, gradient in zip(letters, by_hand, gradients, strict=True):
    difference = np.abs(bar - gradient).max()
    print(f"{letter:8} {gradient.shape!s:15} {difference:.0e}")
    assert bar.shape == gradient.shape
    assert difference < 1e-12

# %%
# The framework knows a rule for each operation, and says it as a formula in which ``g`` is the bar of the result.
# These are the rules that led from the cost to ``w_red``.  (``spread`` copies back over what was averaged, ``put``
# puts back where something was taken out, and ``conv2d_dw`` is the sum over all places.)

for step in tg.explain(J, wrt=w_red).steps:
    print(f"{step.op:11} {step.parts[0].formula.plain}")

# %%
# One step of gradient descent, by hand
# -------------------------------------
#
# The gradient points to where :math:`J` grows fastest.  So take a small step the other way, with all parameters
# :math:`\theta` at once:
#
# .. math:: \theta \leftarrow \theta - \eta\, \bar{\theta}
#    \qquad J_{\mathrm{new}} \approx J - \eta \sum \bar{\theta}^{\,2}
#
# :math:`\eta` is the *learning rate*.  The second formula foretells the new cost, as long as the step is small.  From
# here on the network is made of layers, which hold the same numbers.

network = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(196, 3),
)  # fmt: skip
start = [w, b.data, W.data, c.data]
slopes = [w_bar, b_bar, W_bar, c_bar]


def cost_after(rate):
    """J after one step from the start."""
    for parameter, value, slope in zip(network.parameters(), start, slopes, strict=True):
        parameter.assign(value - rate * slope)
    return tg.softmax_cross_entropy(network(pictures), labels)


steepness = sum(np.sum(slope**2) for slope in slopes)
assert np.isclose(cost_after(0).item(), J.item())
print(f"J at the start             {J.item():.3f}")
print(f"after a step of rate 0.01  {cost_after(0.01).item():.3f}")
print(f"foretold for it            {J.item() - 0.01 * steepness:.3f}")
assert abs(cost_after(1e-4).item() - (J.item() - 1e-4 * steepness)) < 1e-5

rates = np.linspace(0, 0.15, 61)
costs = [cost_after(rate).item() for rate in rates]
fig, ax = plt.subplots(figsize=(6.2, 3.6), layout="constrained")
ax.plot(rates, costs, color=BLUE, label="the cost after one step")
foretold = J.item() - rates * steepness
ax.plot(rates, foretold, "--", color=ORANGE, label="foretold by the gradient")
ax.set(xlabel="learning rate", ylabel="cost J", ylim=(0.8, None))
ax.set_title("Downhill, if the step is not too long", loc="left")
ax.legend(frameon=False)
assert min(costs) < J.item() < costs[-1]

# %%
# The gradient is true at the place where one stands.  A short step keeps the promise, a long one ends on the other
# side of the valley, higher than before.  So one takes many short steps, and asks for the gradient anew before each.
# This is what an optimiser does; its first step is the one just taken by hand.

cost_after(0.01)
one_step = [parameter.data.copy() for parameter in network.parameters()]
cost_after(0)
optimizer = tg.optim.SGD(network.parameters(), lr=0.01)
costs, shares = [], []
for step in range(200):
    logits = network(pictures)
    cost = tg.softmax_cross_entropy(logits, labels)
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    if step == 0:
        for parameter, expected in zip(network.parameters(), one_step, strict=True):
            assert np.allclose(parameter.data, expected, atol=1e-6)
    costs.append(cost.item())
    shares.append(tg.softmax(logits).data[np.arange(N), labels])

fig, axes = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
axes[0].semilogy(costs, color=BLUE)
axes[0].set(xlabel="step", ylabel="cost J")
axes[0].set_title("The cost", loc="left")
styles = ({"color": BLUE}, {"color": ORANGE, "ls": "--"}, {"color": "k", "ls": ":"})
for share, style, name in zip(np.transpose(shares), styles, names, strict=True):
    axes[1].plot(share, **style, label=name)
axes[1].set(xlabel="step", ylabel="share", ylim=(0, 1.03))
axes[1].set_title("The share of the right answer", loc="left")
axes[1].legend(frameon=False, loc="lower right")
assert np.min(shares[-1]) > 0.9
assert (p.data.argmax(axis=1) == 0).all()

# %%
# (The cat's share falls at first: at the start the network took everything for a cat.)
#
# Three pictures were learnt by heart.  That proves that the machinery works, and nothing else: a network is worth
# something if it answers rightly on pictures that it has never seen.
#
# A network that reads digits
# ---------------------------
#
# The package holds 1,797 handwritten digits of 8 x 8 pixels.  They have one channel, so the input is a volume of
# depth 1.  Otherwise the network is the one from above, with the first three steps taken twice.

train, test = data.digits()
assert len(train) + len(test) == 1797
train, validation = data.random_split(train, [0.9, 0.1])
rng = np.random.default_rng(0)
reader = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding="same", rng=rng), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding="same", rng=rng), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(128, 10, rng=rng),
)  # fmt: skip
settings = {"epochs": 20, "lr": 3e-3, "progress": False}
history = tg.fit(reader, train, validation=validation, **settings)
result = tg.evaluate(reader, test)
print(f"{reader.num_parameters():,} parameters")
print(f"{result['accuracy']:.1%} of {len(test)} new digits are read rightly")
assert result["accuracy"] > 0.97

# %%
# An *epoch* is once through all digits to learn from.  The validation digits are not among them; their cost tells
# whether the network still learns something that holds for others.

learning_curves = tg.plots.curves(history)

# %%
# What happens to one digit on its way through?  Each row is a layer.  The volumes become smaller, since pooling
# halves their sides, and deeper, since there are more filters: *where* is given away for *what*.

volumes = tg.plots.feature_maps(reader, test.images[0])

x = test.images[:1]
for layer in reader:
    x = layer(x)
    print(f"{type(layer).__name__:10} {x.shape[1:]!s:12} {x.size:5,} numbers")
assert x.shape == (1, 10)

# %%
# The first filters, as they were learnt.  Each weighs some pixels of its window (red) against others (blue).  They
# are not as tidy as the edge filters of the textbooks: nothing in the cost asks for tidiness, and 8 x 8 pixels leave
# little room.  What counts is what the next layer can make of their answers.

learnt_filters = tg.plots.filters(reader[0])
weights = reader[0].weight.data
assert (weights.max(axis=(0, 1)) > 0).all()
assert (weights.min(axis=(0, 1)) < 0).all()

# %%
# Which digits are taken for which?

answers = tg.predict(reader, test.images).argmax(axis=1)
mistakes = np.flatnonzero(answers != test.labels)
confusion = tg.plots.confusion_matrix(test.labels, answers)
assert np.isclose(1 - len(mistakes) / len(test), result["accuracy"])

# %%
# And here are the mistakes, six at most.

fig, axes = plt.subplots(1, 6, figsize=(8, 1.9), layout="constrained")
for ax in axes:
    ax.axis("off")
for ax, n in zip(axes, mistakes, strict=False):
    ax.imshow(test.images[n, :, :, 0], cmap="gray_r")
    ax.set_title(f"{test.labels[n]}, read as {answers[n]}", fontsize=10)

# %%
# Exercises
# ---------
#
# 1. How many parameters does each layer of the reader have?  Which one has most?
# 2. What happens if all parameters start at 0?
# 3. Softmax and logarithm were two steps here; the framework takes them in one, ``tg.softmax_cross_entropy``.  Why?
#    Try logits of 0 and 1000.

# %%
# Solutions
# ---------
#
# 1. A filter has a window for each channel of its input, so the second convolution has most.

counts = {name: value.size for name, value in reader.named_parameters()}
print(counts)
assert counts["0.weight"] == 3 * 3 * 1 * 16 == 144
assert counts["3.weight"] == 3 * 3 * 16 * 32 == 4608
assert counts["7.weight"] == 2 * 2 * 32 * 10 == 1280
assert max(counts, key=counts.get) == "3.weight"

# %%
# 2. The filters find nothing, so the dense layer has nothing to weigh; and through its zeros no blame comes back to
#    the filters.  Only its biases move.

uneven = np.array([0, 0, 1])  # with one picture of each class even the biases would stay


def slopes_from(value):
    """The gradients if all parameters start with the same value."""
    for parameter in network.parameters():
        parameter.assign(np.full(parameter.shape, value))
    cost = tg.softmax_cross_entropy(network(pictures), uneven)
    names = [name for name, _ in network.named_parameters()]
    return dict(zip(names, tg.grad(cost, list(network.parameters())), strict=True))


for name, slope in slopes_from(0).items():
    print(f"{name:9} largest slope {np.abs(slope).max():.2f}")
    assert np.any(slope) == (name == "4.bias")

# %%
# Starting all of them at 0.1 is not much better: the four filters get equal gradients, and so remain equal for ever.
# This is why one starts at random.

of_filters = slopes_from(0.1)["0.weight"]
assert np.any(of_filters)
assert np.allclose(of_filters, of_filters[:, :, :, :1])

# %%
# 3. :math:`e^{-1000}` is too small for a computer number, so the share is 0 and its logarithm infinite.  In one step,
#    the logarithm is taken on paper first, and the cost is 1000, as it should be:
#
#    .. math:: -\log p_l = \log \sum_{r} e^{s_r} - s_l

logits = np.array([[0.0, 1000.0]])
with np.errstate(divide="ignore"):
    in_two_steps = -tg.log(tg.softmax(logits))[0, 0]
in_one_step = tg.softmax_cross_entropy(logits, np.array([0]))
print(in_two_steps, in_one_step)
assert np.isinf(in_two_steps)
assert in_one_step == 1000

# %%
# Next: how the gradient is found, when nobody does it by hand.
