"""Tests for gradients and for ops, the package's own and yours."""

from ..core.sample import Sample as Sample
from ..core.sample import apart as apart
from ..core.sample import booleans as booleans
from ..core.sample import integers as integers
from ..core.sample import positive as positive
from ..core.sample import probabilities as probabilities
from ..core.sample import uniform as uniform
from .check import ContractError as ContractError
from .check import OpReport as OpReport
from .check import check_op as check_op
from .gradient_check import gradcheck as gradcheck
from .gradient_report import GradcheckError as GradcheckError
from .gradient_report import GradReport as GradReport
