"""Scenes of digits: repeatable bytes, masks and boxes that say the same, and no digit in both parts."""

import zlib

import numpy as np
import pytest

from tinygrad_cnn.data import digit_scenes, scenes

CRC = (3601091570, 700849441)
TRAIN, TEST = digit_scenes((60, 20), boxes=True)


def test_bytes_are_the_same_everywhere():
    assert zlib.crc32(TRAIN.pixels.tobytes()) == CRC[0]
    assert zlib.crc32(np.ascontiguousarray(TRAIN.targets["mask"]).tobytes()) == CRC[1]


def test_a_longer_data_set_begins_with_a_shorter_one_and_seeds_differ():
    short, _ = digit_scenes((5, 1))
    np.testing.assert_array_equal(short.pixels, TRAIN.pixels[:5])
    np.testing.assert_array_equal(short.targets, TRAIN.targets["mask"][:5])
    other, _ = digit_scenes((5, 1), seed=1)
    assert (other.pixels != short.pixels).any()
    assert (TEST.pixels[:5] != short.pixels).any()


def test_what_a_scene_holds():
    mask = TRAIN.targets["mask"]
    assert TRAIN.classes == ("background", *"0123456789") and len(TRAIN) == 60 and len(TEST) == 20
    assert set(np.unique(mask)) == set(range(11))
    assert 0.7 < (mask == 0).mean() < 0.95
    image = TRAIN.images[..., 0]
    assert image[mask > 0].mean() > 1.5 * image[mask == 0].mean()


def test_boxes_surround_what_is_visible():
    overlaps = 0
    for mask, boxes, labels in zip(*(TRAIN.targets[key] for key in ("mask", "boxes", "labels")), strict=True):
        assert 1 <= len(boxes) == len(labels) <= 4
        covered = np.zeros(mask.shape, bool)
        for box, label in zip(boxes, labels, strict=True):
            x0, y0, x1, y1 = box.astype(int)
            inside = mask[y0:y1, x0:x1] == label
            assert inside.any(axis=1)[[0, -1]].all() and inside.any(axis=0)[[0, -1]].all()
            overlaps += covered[y0:y1, x0:x1].any()
            covered[y0:y1, x0:x1] = True
        assert not mask[~covered].any()
    assert overlaps > 5


def test_sizes():
    train, _ = digit_scenes((3, 1), (18, 40))
    assert train.pixels.shape == (3, 18, 40, 1) and train.targets.shape == (3, 18, 40)
    assert digit_scenes((3, 1), 20)[0].image_shape == (20, 20, 1)


def test_no_digit_is_in_both_parts(monkeypatch):
    used = []
    original = scenes._scene
    monkeypatch.setattr(
        scenes, "_scene", lambda size, draws, ink, labels: (used.append(ink), original(size, draws, ink, labels))[1]
    )
    digit_scenes((1, 1))
    train, test = ({digit.tobytes() for digit in ink} for ink in used)
    assert len(train) > 1400 and len(test) > 350 and not train & test


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"count": (0, 1)}, r"count=\(0, 1\) must be \(train, test\), whole numbers of at least 1"),
        ({"count": 5}, "count=5"),
        ({"size": 17}, "size=17 must be a whole number of at least 18"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises((TypeError, ValueError), match=f"digit_scenes: {words}"):
        digit_scenes(**settings)
