"""Optimisers, schedules of their learning rates, and bounds on gradients; settings are spelled as PyTorch's."""

from .adafactor import Adafactor as Adafactor
from .adam import Adam as Adam
from .adam import AdamW as AdamW
from .adam import Lion as Lion
from .adam import NAdam as NAdam
from .adaptive import Adadelta as Adadelta
from .adaptive import Adagrad as Adagrad
from .adaptive import RMSprop as RMSprop
from .clip import clip_grad_norm as clip_grad_norm
from .clip import clip_grad_value as clip_grad_value
from .ema import EMA as EMA
from .lbfgs import LBFGS as LBFGS
from .muon import Muon as Muon
from .optimizer import Optimizer as Optimizer
from .schedules import ConstantLR as ConstantLR
from .schedules import CosineLR as CosineLR
from .schedules import ExponentialLR as ExponentialLR
from .schedules import OneCycleLR as OneCycleLR
from .schedules import ReduceLROnPlateau as ReduceLROnPlateau
from .schedules import Schedule as Schedule
from .schedules import StepLR as StepLR
from .schedules import WarmupLR as WarmupLR
from .sgd import SGD as SGD
