"""Pictures in folders: classes and order, lazy reading, the cache, what is wrong with a folder or a file."""

import sys

import numpy as np
import pytest
from PIL import Image

from tinygrad_cnn.data import BalancedSampler, DataLoader, ImageFolder, load_image
from tinygrad_cnn.io.errors import FileFormatError


def write(path, size=(4, 5), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "pets"
    for k, name in enumerate(["dog/b.png", "dog/a.PNG", "cat/deep/x.png", "cat/y.bmp", "emu/only.png"]):
        write(root / name, seed=k)
    (root / "cat" / "notes.txt").write_text("no picture")
    (root / "cat" / ".hidden.png").write_text("no picture")
    (root / ".git").mkdir()
    (root / "README.md").write_text("about")
    return root


def test_classes_are_folders_in_order_and_number_the_labels(root):
    data = ImageFolder(root)
    assert data.classes == ("cat", "dog", "emu") and data.name == "pets" and len(data) == 5
    assert [p.relative_to(root).as_posix() for p in data.paths] == [
        "cat/deep/x.png", "cat/y.bmp", "dog/a.PNG", "dog/b.png", "emu/only.png",
    ]  # fmt: skip
    assert data.labels.tolist() == [0, 0, 1, 1, 2] and data.labels.dtype == np.int64
    assert repr(data) == "<ImageFolder pets: 5 samples, 3 classes>"


def test_samples_are_the_pictures_of_their_files(root):
    data = ImageFolder(root)
    image, label = data[3]
    np.testing.assert_array_equal(image, write(root / "dog/b.png", seed=0) / np.float32(255))
    assert label == 1 and image.dtype == np.float32 and data.image_shape == (4, 5, 3)
    assert np.array_equal(data[-1][0], data[4][0])
    with pytest.raises(IndexError, match="pets: there is no sample 5"):
        data[5]
    x, y = data.batch([0, 4])
    assert x.shape == (2, 4, 5, 3) and y.tolist() == [0, 2]


def test_size_and_channels_are_those_asked_for(root):
    data = ImageFolder(root, (6, 3), 1)
    assert data.image_shape == (6, 3, 1)
    np.testing.assert_array_equal(data[0][0], load_image(data.paths[0], (6, 3), 1))


def test_pictures_are_read_when_asked_for_and_cached_if_wished(root):
    plain, cached = ImageFolder(root, 7), ImageFolder(root, 7, cache=True)
    first = cached.batch(range(5))
    np.testing.assert_array_equal(first[0], plain.batch(range(5))[0])
    for path in plain.paths:
        path.unlink()
    np.testing.assert_array_equal(cached.batch(range(5))[0], first[0])
    with pytest.raises(FileNotFoundError, match=r"sample 2: .*a\.PNG: no such file"):
        plain.batch([2])


@pytest.mark.parametrize("prefetch", [0, 2])
def test_in_a_loader_with_a_sampler(root, prefetch):
    data = ImageFolder(root, 4)
    loader = DataLoader(data, 2, sampler=BalancedSampler(data, 6), prefetch=prefetch)
    assert sorted(np.concatenate([y for _, y in loader]).tolist()) == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("damage", [b"", b"not a picture", None])
def test_an_unreadable_file_is_named_with_sample_and_batch(root, damage, prefetch):
    path = root / "dog" / "a.PNG"
    path.write_bytes(path.read_bytes()[:60] if damage is None else damage)
    words = r"^DataLoader: batch 1 of epoch 0: sample 2: .*a\.PNG: not a readable PNG"
    with pytest.raises(FileFormatError, match=words):
        list(DataLoader(ImageFolder(root, 4), 2, prefetch=prefetch))


def test_pictures_of_two_sizes_in_one_batch_are_named(root):
    write(root / "emu" / "only.png", size=(9, 9))
    with pytest.raises(ValueError, match=r"sample 4 has shape \(9, 9, 3\), sample 0 has \(4, 5, 3\).*resize"):
        ImageFolder(root).batch(range(5))


def test_without_pillow_it_says_what_to_install(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"sample 0: load_image needs Pillow|load_image needs Pillow"):
        ImageFolder(root)[0]


def test_folders_that_are_none(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ImageFolder: .*nowhere: no such folder"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match="README.md is a file"):
        ImageFolder(root / "README.md")
    with pytest.raises(ValueError, match="emu has no subfolders. Put the pictures of each class into a folder"):
        ImageFolder(root / "emu")
    (root / "fox").mkdir()
    with pytest.raises(ValueError, match=r"fox holds no pictures \(.png, .jpg"):
        ImageFolder(root)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"channels": 2}, "ImageFolder: channels must be 1, 3 or 4, got 2"),
        ({"channels": None}, "got None"),
        ({"channels": True}, "got True"),
        ({"size": 0}, "ImageFolder: size=0 must be a whole number of at least 1"),
        ({"size": (3, 4, 5)}, r"size=\(3, 4, 5\)"),
    ],
)
def test_bad_settings(root, settings, words):
    with pytest.raises(ValueError, match=words):
        ImageFolder(root, **settings)


# -- masks ------------------------------------------------------------------------------------------------------


@pytest.fixture
def scenes(tmp_path):
    for k in range(4):
        write(tmp_path / "pictures" / f"day{k % 2}" / f"{k}.jpg", seed=k)
        path = tmp_path / "masks" / f"day{k % 2}" / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        mask = Image.fromarray((np.arange(20).reshape(4, 5) % (k + 1)).astype(np.uint8))
        if k == 2:
            mask = mask.convert("P")
            mask.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
            mask.putdata([v % 3 for v in range(20)])
        mask.save(path)
    return tmp_path


@pytest.mark.parametrize("cache", [False, True])
def test_masks_have_the_paths_of_the_pictures(scenes, cache):
    data = ImageFolder(scenes / "pictures", masks=scenes / "masks", classes="abcd", cache=cache)
    assert len(data) == 4 and data.classes == tuple("abcd") and not hasattr(data, "labels")
    for _ in range(2):
        x, y = next(iter(DataLoader(data, 4)))
        assert x.shape == (4, 4, 5, 3) and y.dtype == np.int64
        for path, mask in zip(data.paths, y, strict=True):
            np.testing.assert_array_equal(mask, np.arange(20).reshape(4, 5) % (int(path.stem) + 1))
    _, mask = ImageFolder(scenes / "pictures", (8, 10), masks=scenes / "masks")[3]
    np.testing.assert_array_equal(mask, (np.arange(20).reshape(4, 5) % 4).repeat(2, 0).repeat(2, 1))


def test_masks_may_lie_in_the_folder_of_the_pictures(scenes):
    (scenes / "masks").rename(scenes / "pictures" / "masks")
    assert len(ImageFolder(scenes / "pictures", masks=scenes / "pictures" / "masks")) == 4


def test_bad_masks_are_named(scenes):
    with pytest.raises(FileFormatError, match=r"3.png: holds the class 2; there are 2, .* ignore_index"):
        ImageFolder(scenes / "pictures", masks=scenes / "masks", classes="ab")[3]
    with pytest.raises(FileFormatError, match=r"0.jpg: a mask is a grey picture.*mode RGB"):
        ImageFolder(scenes / "masks", masks=scenes / "pictures")[0]
    ImageFolder(scenes / "pictures", masks=scenes / "masks", classes="abc", ignore_index=3)[3]
    (scenes / "masks" / "day1" / "3.png").unlink()
    with pytest.raises(ValueError, match=r"day1.3.jpg has no mask; it would be .*day1.3.png, or with another suffix"):
        ImageFolder(scenes / "pictures", masks=scenes / "masks")
    with pytest.raises(FileNotFoundError, match="ImageFolder: .*nowhere: no such folder"):
        ImageFolder(scenes / "pictures", masks=scenes / "nowhere")
    with pytest.raises(ValueError, match="classes go with masks="):
        ImageFolder(scenes / "pictures", classes="ab")
