"""The scale of colours: even, readable, and in order for those who see no red, no green, no blue, or no colour."""

import math

import numpy as np
import pytest

from tinygrad_cnn.graphs import scale
from tinygrad_cnn.graphs.scale import Scale, colour, decades, shares

RAMP = [colour(k / 40) for k in range(41)]
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(text):
    v = np.array([int(text[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB of linear sRGB, by the definition; the package has the way back only."""
    t = TO_XYZ @ rgb / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def luminance(text):
    return float(TO_XYZ[1] @ linear(text))


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_lightness_falls_evenly():
    steps = np.diff([lab(linear(c))[0] for c in RAMP])
    assert (steps < 0).all() and abs(steps - steps.mean()).max() < 0.35  # a colour is rounded to 8 bits


def test_equal_steps_look_about_equally_large():
    colours = np.array([lab(linear(c)) for c in RAMP[::4]])
    steps = np.linalg.norm(np.diff(colours, axis=0), axis=1)
    assert steps.max() / steps.min() < 2


def test_the_colours_are_the_ones_asked_for():
    for t in (0.0, 0.25, 0.5, 1.0):
        wanted = [
            (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t * t * c
            for a, b, c in zip(scale.LEAST, scale.BETWEEN, scale.MOST, strict=True)
        ]
        np.testing.assert_allclose(lab(linear(colour(t))), wanted, atol=1.0)  # none was cut off at the edge of sRGB


# What is left of linear sRGB without one kind of cone: Machado, Oliveira and Fernandes (2009), severity 1.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("kind", BLIND)
def test_the_colour_blind_see_the_same_order(kind):
    seen = np.array([lab(np.clip(np.array(BLIND[kind]) @ linear(c), 0, 1)) for c in RAMP[::10]])
    assert (np.diff(seen[:, 0]) < -5).all()
    assert (np.linalg.norm(np.diff(seen, axis=0), axis=1) > 9).all()


@pytest.mark.parametrize("fill", [*RAMP[::8], scale.BROKEN, scale.NOTHING])
def test_text_is_readable_on_every_colour(fill):
    assert contrast(fill, scale.TEXT) >= 4.5


def test_what_is_broken_is_not_on_the_scale():
    broken = lab(linear(scale.BROKEN))
    assert min(np.linalg.norm(broken - lab(linear(c))) for c in RAMP) > 40


def test_gradients_have_a_logarithmic_scale():
    found = decades([1e-4, 1e-2, 0.0, math.nan, math.inf])
    assert found == Scale(1e-4, 1e-2, True)
    np.testing.assert_allclose(found.steps(), [1e-4, 10**-3.5, 1e-3, 10**-2.5, 1e-2])
    assert [found.share(v) for v in found.steps()] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert found.colour(1e-9) == found.colour(1e-4) == colour(0)
    assert found.colour(0.0) == scale.NOTHING and found.colour(math.nan) == found.colour(math.inf) == scale.BROKEN
    assert decades([1e-30, 1.0]).low == pytest.approx(1e-6)
    assert decades([]) is decades([0.0, math.nan]) is None
    assert decades([3.0]).steps() == [3.0] and decades([3.0]).colour(3.0) == colour(1)


def test_shares_of_a_whole_have_a_scale_of_roots():
    found = shares([1.0, 3.0])
    assert found.steps() == [0.0, 0.25, 1.0, 2.25, 4.0]
    assert [found.share(v) for v in found.steps()] == [0, 0.25, 0.5, 0.75, 1]
    assert found.colour(0.0) == colour(0) and found.colour(4.0) == colour(1)
    assert shares([]) is shares([0.0]) is None
