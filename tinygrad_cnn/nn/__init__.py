"""Layers: modules that hold parameters and call ops.  No layer knows a derivative."""

from ..autodiff.foreign import answers as _answers
from . import init as init
from .activation import *
from .activation_forms import *
from .attention import *
from .containers import *
from .conv import *
from .conv_forms import *
from .conv_transpose import *
from .dropout import *
from .embedding import *
from .linear import *
from .losses import *
from .margin_losses import *
from .module import *
from .normalization import *
from .parameter import *
from .parametrizations import *
from .pooling import *
from .pooling_adaptive import *
from .recurrent import *
from .recurrent_cells import *
from .resize import *
from .running_norms import *
from .sample_gradients import *
from .substitution import *
from .weight_norms import *

_answers(globals())
