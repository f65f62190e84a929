"""tinygrad_cnn: convolutional networks as tensor expressions, with gradients of every order."""
from .core import *  # noqa
