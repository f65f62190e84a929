"""The ops, one file per family that is closed under differentiation; each file exports what its `__all__` lists."""

from inspect import ismodule as _is_module

from . import linalg as linalg
from . import methods as methods
from . import numpy_names as numpy_names
from .activation import *
from .activation_forms import *
from .algebra import *
from .along_axis import *
from .arithmetic import *
from .attention import *
from .blur import *
from .border import *
from .conv import *
from .conv_forms import *
from .conv_transpose import *
from .creation import *
from .cross_entropy import *
from .ctc import *
from .diagonals import *
from .drawing import *
from .elementwise import *
from .fused import *
from .grids import *
from .group_norms import *
from .indexing import *
from .logarithms import *
from .logic import *
from .margin_losses import *
from .norm_rows import *
from .normalization import *
from .overlap_losses import *
from .pixels import *
from .pool import *
from .pool_adaptive import *
from .pool_forms import *
from .probability_losses import *
from .products import *
from .quantiles import *
from .random import *
from .ranks import *
from .recurrence import *
from .reduce import *
from .regression_losses import *
from .resample import *
from .rounding import *
from .running import *
from .sampling import *
from .shape import *
from .softmax_rows import *
from .sorting import *
from .special_values import *
from .trigonometry import *
from .unpool import *
from .vectors import *
from .volumes import *
from .windows import *

__all__ = sorted(name for name, value in globals().items() if name[0] != "_" and not _is_module(value))
