"""Optimisers, schedules of their learning rates, and bounds on gradients; settings are spelled as PyTorch's."""

from ..autodiff.foreign import answers as _answers
from .adafactor import *
from .adam import *
from .adaptive import *
from .clip import *
from .composed import *
from .ema import *
from .lbfgs import *
from .muon import *
from .optimizer import *
from .plateau import *
from .schedule import *
from .schedules import *
from .sgd import *

_answers(globals())
