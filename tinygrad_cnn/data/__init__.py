"""Data sets and loaders: images or other arrays in, batches (inputs, targets) out."""

from ..autodiff.foreign import answers as _answers
from . import transforms
from .arrays import ArrayDataset
from .cifar import cifar10
from .collating import collate
from .dataset import Dataset, Subset, random_split
from .digits8x8 import digits
from .downloads import DownloadError, cache_dir, download
from .fashion_sample import fashion_mnist_sample
from .folder import ImageFolder
from .idx import read_idx, write_idx
from .images import load_image
from .loader import DataLoader
from .mnist_family import fashion_mnist, mnist
from .packages import fetch
from .samplers import BalancedSampler, Sampler, WeightedSampler
from .scenes import digit_scenes
from .streams import Batches

__all__ = [
    "ArrayDataset",
    "BalancedSampler",
    "Batches",
    "DataLoader",
    "Dataset",
    "DownloadError",
    "ImageFolder",
    "Sampler",
    "Subset",
    "WeightedSampler",
    "cache_dir",
    "cifar10",
    "collate",
    "digit_scenes",
    "digits",
    "download",
    "fashion_mnist",
    "fashion_mnist_sample",
    "fetch",
    "load_image",
    "mnist",
    "random_split",
    "read_idx",
    "transforms",
    "write_idx",
]

_answers(globals())
