r"""
Chapter 6: Convolution or cross-correlation
===========================================

Open a book on mathematics and one on deep learning at "convolution", and you find two formulas that differ by a
mirror.  Which one is it, does it matter, and where did the mirror go?
"""

import numpy as np

import tinygrad_cnn as tg

try:
    plt = tg.plots.pyplot()  # matplotlib.pyplot, or one line on what it lacks
    from scipy import signal
except ImportError as error:
    raise SystemExit(f"chapter 6: {error} (pip install 'tinygrad-cnn[examples]')") from None

# %%
# Two formulas
# ------------
#
# What a convolutional layer computes is, strictly speaking, a *cross-correlation*: lay the filter on the picture,
# multiply what lies on top of each other, add up.
#
# .. math:: (x \star w)_{h,v} = \sum_{i,j} x_{h+i,\,v+j}\, w_{i,j}
#
# A *convolution* in the sense of mathematics walks through the filter backwards, in both directions:
#
# .. math:: (x * w)_{h,v} = \sum_{i,j} x_{h-i,\,v-j}\, w_{i,j}
#
# The asterisk is the sign of mathematics for a convolution; the star tells the two apart.
#
# Here are both with loops, so that there is no doubt, on a picture and a filter without any symmetry.


def correlate(x, w):
    """Cross-correlation without padding, by the formula."""
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y = np.zeros((rows, columns))
    for h in range(rows):
        for v in range(columns):
            y[h, v] = np.sum(x[h : h + w.shape[0], v : v + w.shape[1]] * w)
    return y


def convolve(x, w):
    """Convolution wherever picture and filter touch, by the formula."""
    y = np.zeros((x.shape[0] + w.shape[0] - 1, x.shape[1] + w.shape[1] - 1))
    for h, v in np.ndindex(y.shape):
        for i, j in np.ndindex(w.shape):
            if 0 <= h - i < x.shape[0] and 0 <= v - j < x.shape[1]:
                y[h, v] += x[h - i, v - j] * w[i, j]
    return y


rng = np.random.default_rng(0)
x = rng.integers(0, 10, (6, 6)).astype(float)
w = np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0]])

ours = tg.conv2d(x[None, :, :, None], w[:, :, None, None])[0, :, :, 0]
assert np.array_equal(ours, correlate(x, w))  # it cross-correlates, as every framework does
assert np.array_equal(correlate(x, w), signal.correlate2d(x, w, mode="valid"))
assert np.allclose(convolve(x, w), signal.convolve2d(x, w))

# %%
# The mirror
# ----------
#
# Turn the filter by half a circle, top to bottom and left to right, and one becomes the other.

mirrored = w[::-1, ::-1]
assert np.allclose(convolve(x, w), correlate(np.pad(x, 2), mirrored))

fig, axes = plt.subplots(1, 2, figsize=(6, 2.8), layout="constrained")
shown = {"the filter": w, "mirrored": mirrored}
for ax, (title, values) in zip(axes, shown.items(), strict=True):
    ax.imshow(values, cmap="Blues", vmax=4)
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=13)
    ax.set(title=title, xticks=[], yticks=[])

# %%
# What a single bright dot becomes shows the difference best.  Convolution stamps the filter as it is onto the dot,
# and this is why mathematics mirrors: the answer to a dot *is* the filter.  Cross-correlation stamps it mirrored.

dot = np.zeros((7, 7))
dot[3, 3] = 1
answers = {
    "a dot": dot,
    "convolved": signal.convolve2d(dot, w, mode="same"),
    "cross-correlated": signal.correlate2d(dot, w, mode="same"),
}
assert np.array_equal(answers["convolved"][2:5, 2:5], w)
assert np.array_equal(answers["cross-correlated"][2:5, 2:5], mirrored)

fig, axes = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
for ax, (title, values) in zip(axes, answers.items(), strict=True):
    ax.imshow(values, cmap="Blues", vmax=4)
    for (i, j), value in np.ndenumerate(values):
        if value:
            ax.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=11)
    ax.set(title=title, xticks=[], yticks=[])

# %%
# What the mirror buys
# --------------------
#
# With the mirror, picture and filter may change places, and two filters may be joined into one:
#
# .. math:: x * w = w * x \qquad (x * u) * w = x * (u * w)
#
# Without it neither holds.

u = rng.integers(-2, 3, (3, 3)).astype(float)
assert np.allclose(convolve(x, w), convolve(w, x))
assert np.allclose(convolve(convolve(x, u), w), convolve(x, convolve(u, w)))

swapped = signal.correlate2d(x, w) - signal.correlate2d(w, x)
joined = correlate(correlate(x, u), w) - correlate(x, signal.correlate2d(u, w))
print("cross-correlation, places changed: largest difference", np.abs(swapped).max())
print("cross-correlation, filters joined: largest difference", np.abs(joined).max())
assert np.abs(swapped).max() > 1
assert np.abs(joined).max() > 1

# %%
# Two layers without a bend between them are one layer in either case, though: cross-correlating twice is
# cross-correlating once with the *convolution* of the two filters.  This is why a network needs its relu.

assert np.allclose(correlate(correlate(x, u), w), correlate(x, convolve(u, w)))

# %%
# Why nobody mirrors
# ------------------
#
# A network learns its filters.  One that mirrored them would learn the mirrored numbers, and compute the same.
# Here two networks learn to detect a vertical edge, one with the mirror and one without, from the same examples.
# They end with the same loss, and with filters that are each other's mirror image.

images = rng.standard_normal((64, 8, 8, 1))
edge = np.array([[1.0, 0.0, -1.0]] * 3)[:, :, None, None]
wanted = tg.conv2d(images, edge)


def learn(mirror):
    """The filter after 60 steps of gradient descent, and the losses on the way."""
    filters, losses = tg.Tensor(np.zeros((3, 3, 1, 1)), requires_grad=True), []
    for _ in range(60):
        used = tg.flip(filters, axis=(0, 1)) if mirror else filters
        loss = tg.mse_loss(tg.conv2d(images, used), wanted)
        (slope,) = tg.grad(loss, [filters])
        filters.assign(filters.data - 0.2 * slope)
        losses.append(loss.item())
    return filters.data[:, :, 0, 0], losses


plain, plain_losses = learn(mirror=False)
turned, turned_losses = learn(mirror=True)
assert np.allclose(turned, plain[::-1, ::-1])
assert np.allclose(plain_losses, turned_losses)

fig = plt.figure(figsize=(8, 2.8), layout="constrained")
axes = fig.subplots(1, 3, width_ratios=[1.5, 1, 1])
axes[0].semilogy(plain_losses, color="#0072B2", lw=4, alpha=0.5, label="cross-correlation")
axes[0].semilogy(turned_losses, "--", color="#D55E00", label="convolution")
axes[0].set(title="The same loss", xlabel="step", ylabel="mean squared error")
axes[0].legend(frameon=False)
learned = {"learned plain": plain, "learned mirrored": turned}
for ax, (title, values) in zip(axes[1:], learned.items(), strict=True):
    ax.imshow(values, cmap="RdBu", vmin=-1.5, vmax=1.5)
    for (i, j), value in np.ndenumerate(values):
        number = f"{value:.1f}".replace("-0.0", "0.0")
        ax.text(j, i, number, ha="center", va="center", fontsize=11)
    ax.set(title=title, xticks=[], yticks=[])

# %%
# So the mirror is left out, and out of habit the thing is still called a convolution.
#
# Where the mirror returns
# ------------------------
#
# It comes back in the gradient.  Pixel :math:`x_{h,v}` was seen by tap :math:`(i, j)` when the output at
# :math:`(h - i, v - j)` was computed, so its gradient collects
#
# .. math:: \bar{x}_{h,v} = \sum_{i,j} \bar{y}_{h-i,\,v-j}\, w_{i,j} = (\bar{y} * w)_{h,v}
#
# which is the formula of convolution, minus signs and all.  The gradient in the picture of a cross-correlation is a
# true convolution of the incoming gradient with the filter; the gradient in the filter is a cross-correlation
# again.

X = tg.Tensor(x[None, :, :, None], requires_grad=True)
W = tg.Tensor(w[:, :, None, None], requires_grad=True)
g = rng.standard_normal((4, 4))
dx, dw = tg.grad(tg.conv2d(X, W), [X, W], grad_outputs=g[None, :, :, None])
assert np.allclose(dx[0, :, :, 0], convolve(g, w))
assert np.allclose(dw[:, :, 0, 0], correlate(x, g))
difference = np.abs(dx[0, :, :, 0] - convolve(g, w)).max()
print(f"gradient in the picture, and convolution: largest difference {difference:.1e}")

# %%
# Nobody had to mirror anything for this: the op ``conv2d_dx`` that computes it is registered as the rule of
# ``conv2d``.  Chapter 8 shows how these rules work together.
#
# Exercises
# ---------
#
# 1. Which filters are their own mirror image, so that both formulas agree?  Is the Sobel filter one of them?
# 2. Blurring twice with a 3x3 box is blurring once with which filter?
# 3. Write the convolution of mathematics with ``tg.conv2d`` and padding, for a filter of any odd size.

# %%
# Solutions
# ---------
#
# 1. Those that look the same after half a turn, such as a blur or a Laplacian.  Sobel changes its sign, so the
#    answer does too.

sobel = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
assert np.array_equal(sobel[::-1, ::-1], -sobel)
assert np.allclose(signal.convolve2d(x, sobel, mode="valid"), -correlate(x, sobel))

# %%
# 2. With the convolution of the box with itself, a 5x5 pyramid.

box = np.ones((3, 3)) / 9
pyramid = convolve(box, box)
print(np.round(81 * pyramid).astype(int))
assert np.allclose(correlate(correlate(x, box), box), correlate(x, pyramid))

# %%
# 3. Mirror the filter and pad by its size less one.


def mathematical(x, w):
    padding = (w.shape[0] - 1, w.shape[1] - 1)
    mirrored = w[::-1, ::-1, None, None]
    return tg.conv2d(x[None, :, :, None], mirrored, padding=padding)[0, :, :, 0]


assert np.allclose(mathematical(x, w), signal.convolve2d(x, w))

# %%
# Next: all pieces together, in a network that reads digits.
