"""MNIST and Fashion-MNIST: where they are looked for, and what is refused.  No network, no real files needed."""

import dataclasses
import gzip
import hashlib

import numpy as np
import pytest

from tinygrad_cnn.data import DownloadError, fashion_mnist, idx, mnist, mnist_family, write_idx
from tinygrad_cnn.io import FileFormatError

RNG = np.random.default_rng(0)
IMAGES = {"train": RNG.integers(0, 256, (12, 28, 28), np.uint8), "t10k": RNG.integers(0, 256, (4, 28, 28), np.uint8)}
LABELS = {"train": np.arange(12, dtype=np.uint8) % 10, "t10k": np.arange(4, dtype=np.uint8)}
BOTH = pytest.mark.parametrize("load", [mnist, fashion_mnist])


def fill(folder, suffix="", dotted=False):
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for role, array in (("images", IMAGES[part]), ("labels", LABELS[part])):
            write_idx(folder / f"{part}-{role}{'.' if dotted else '-'}idx{array.ndim}-ubyte{suffix}", array)
    return folder


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No data-set folder, an empty cache, and no way out."""
    monkeypatch.setattr(mnist_family, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setenv("TINYGRAD_CNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist_family, "download", lambda *a, **k: pytest.fail("the network was asked"))


def check(parts):
    for part, key in zip(parts, ("train", "t10k"), strict=True):
        np.testing.assert_array_equal(part.pixels[..., 0], IMAGES[key])
        np.testing.assert_array_equal(part.labels, LABELS[key])
        assert part.image_shape == (28, 28, 1) and part.pixels.dtype == np.uint8
        assert len(part.classes) == 10 and part.attribution


@BOTH
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dotted", [False, True])
def test_a_folder_gzipped_or_not(tmp_path, load, suffix, dotted):
    check(load(fill(tmp_path / "mine", suffix, dotted)))
    check(load(str(tmp_path / "mine")))


@pytest.mark.parametrize(
    ("load", "below"),
    [(mnist, "mnist"), (mnist, "MNIST/raw"), (fashion_mnist, "fashion-mnist"), (fashion_mnist, "FashionMNIST/raw")],
)
def test_the_folder_above(tmp_path, load, below):
    fill(tmp_path / "mine" / below)
    check(load(tmp_path / "mine"))


@pytest.mark.parametrize(("load", "key"), [(mnist, "mnist"), (fashion_mnist, "fashion-mnist")])
def test_the_systems_folder_comes_before_the_cache(tmp_path, load, key):
    fill(tmp_path / "cache" / key, ".gz")
    check(load())
    fill(tmp_path / "system" / key)
    for path in (tmp_path / "cache" / key).iterdir():
        path.write_bytes(b"rotten")
    check(load())


@BOTH
def test_a_given_folder_is_the_only_place(tmp_path, load):
    for key in ("mnist", "fashion-mnist"):
        fill(tmp_path / "system" / key)
    with pytest.raises(FileNotFoundError, match=r"looked in .*/mine \(no such folder\). Put train-images-idx3"):
        load(tmp_path / "mine")
    folder = fill(tmp_path / "mine")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"mine \(without t10k-labels-idx1-ubyte.gz\)"):
        load(folder)


@BOTH
def test_off_the_network_one_line_says_where_it_looked_and_what_to_do(tmp_path, load):
    with pytest.raises(FileNotFoundError) as caught:
        load(download=False)
    message = str(caught.value)
    for part in (tmp_path / "system", tmp_path / "cache", "download=False", "amazonaws.com", "data_dir=FOLDER"):
        assert str(part) in message
    assert "\n" not in message and not (tmp_path / "cache").exists()


def test_a_failed_download_says_so_too(tmp_path, monkeypatch):
    def fails(urls, *_, **__):
        raise DownloadError(f"it could not be downloaded: {urls[0]}: no route to host.")

    monkeypatch.setattr(mnist_family, "download", fails)
    with pytest.raises(DownloadError, match="MNIST: looked in .*no route to host. To do it by hand, put train-images"):
        mnist()


def test_without_a_cache_folder(monkeypatch):
    monkeypatch.delenv("TINYGRAD_CNN_CACHE")
    monkeypatch.setitem(__import__("sys").modules, "platformdirs", None)
    with pytest.raises(FileNotFoundError, match=r"not downloaded: the cache folder needs platformdirs: pip install"):
        mnist()


def test_a_download_goes_to_the_cache_with_its_checksum(tmp_path, monkeypatch):
    source = tmp_path / "published"
    asked = []

    def fetched(urls, path, *, checksum, size):
        asked.append((urls, checksum, size))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((source / path.name).read_bytes())
        return path

    fill(source, ".gz")
    monkeypatch.setattr(mnist_family, "download", fetched)
    check(mnist())
    assert asked[0] == (
        [mirror + "train-images-idx3-ubyte.gz" for mirror in mnist_family.MNIST.mirrors],
        "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
        9912422,
    )
    assert len(asked) == 4 and len(mnist_family.MNIST.mirrors) > 1
    check(mnist(download=False))


@BOTH
@pytest.mark.parametrize(
    ("file", "array", "words"),
    [
        ("train-labels-idx1-ubyte", LABELS["train"][:-1], "train-labels-idx1-ubyte: labels: expected 12.*found 11"),
        ("t10k-labels-idx1-ubyte", LABELS["t10k"] + np.uint8(7), "t10k-labels.*: label 3: expected 0 to 9, found 10"),
        ("train-images-idx3-ubyte", IMAGES["train"][:, :27], r"train-images.*: sizes: .*28x28, found \(27, 28\)"),
        ("train-images-idx3-ubyte", IMAGES["train"][0], "rank: expected 3, found 2"),
        ("train-images-idx3-ubyte", LABELS["train"], "train-images-idx3-ubyte: rank: expected 3, found 1"),
        ("train-labels-idx1-ubyte", LABELS["train"].astype(np.int32), "type of values: expected uint8, found int32"),
    ],
    ids=["count", "label", "sizes", "rank", "swapped", "type"],
)  # fmt: skip
def test_files_that_do_not_fit_are_named(tmp_path, load, file, array, words):
    folder = fill(tmp_path / "mine")
    write_idx(folder / file, array)
    with pytest.raises(FileFormatError, match=words):
        load(folder)


def test_every_file_is_checked_for_damage(tmp_path):
    folder = fill(tmp_path / "mine", ".gz")
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[:-20])
        with pytest.raises(FileFormatError, match=f"{path.name}: gzip: the file ends too early"):
            mnist(folder)
        path.write_bytes(whole)
    check(mnist(folder))


def test_one_data_set_in_the_place_of_the_other_is_refused(tmp_path, monkeypatch):
    folder = fill(tmp_path / "mine")
    digest = hashlib.md5((folder / "train-labels-idx1-ubyte").read_bytes(), usedforsecurity=False).hexdigest()
    other = dataclasses.replace(mnist_family.FASHION_MNIST, labels_md5=digest)
    monkeypatch.setattr(mnist_family, "FASHION_MNIST", other)
    with pytest.raises(FileFormatError, match="train-labels-idx1-ubyte: data set: expected MNIST, found Fashion-MNIST"):
        mnist(folder)
    check(fashion_mnist(folder))


def test_an_empty_data_set_is_read_and_refused_by_the_loader(tmp_path, monkeypatch):
    from tinygrad_cnn.data import DataLoader

    monkeypatch.setitem(IMAGES, "t10k", IMAGES["t10k"][:0])
    monkeypatch.setitem(LABELS, "t10k", LABELS["t10k"][:0])
    _, test = mnist(fill(tmp_path / "mine"))
    with pytest.raises(ValueError, match="MNIST test is empty"):
        DataLoader(test)


def test_the_written_facts_are_complete():
    for source in (mnist_family.MNIST, mnist_family.FASHION_MNIST):
        assert len(source.md5) == len(source.sizes) == 4 and all(len(m) == 32 for m in source.md5)
        assert len(set(source.classes)) == 10 and all(url.endswith("/") for url in source.mirrors)
    assert gzip.compress(b"")[:2] == idx.GZIP
