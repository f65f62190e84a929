"""Tests for gradients and for ops, the package's own and yours."""

from ..autodiff.sample import LayerSample as LayerSample
from ..autodiff.sample import Sample as Sample
from ..autodiff.sample import apart as apart
from ..autodiff.sample import booleans as booleans
from ..autodiff.sample import integers as integers
from ..autodiff.sample import positive as positive
from ..autodiff.sample import probabilities as probabilities
from ..autodiff.sample import uniform as uniform
from .check import check_op as check_op
from .contract_report import ContractError as ContractError
from .contract_report import ContractReport as ContractReport
from .gradient_check import gradcheck as gradcheck
from .gradient_report import GradcheckError as GradcheckError
from .gradient_report import GradReport as GradReport
from .layers import check_layer as check_layer
from .optimizers import check_optimizer as check_optimizer
from .pictures import check_picture as check_picture
from .schedules import check_schedule as check_schedule
from .snapshot import GradientSnapshot as GradientSnapshot
from .snapshot import SnapshotError as SnapshotError
