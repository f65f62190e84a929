"""The engine: Tensors, nodes, rules and the walk back.  It knows graphs, not convolutions."""

from .engine import backward as backward
from .engine import grad as grad
from .errors import GraphError as GraphError
from .modes import enable_grad as enable_grad
from .modes import no_grad as no_grad
from .modes import scope as scope
from .operation import Op as Op
from .operation import op as op
from .register import registry as registry
from .tensor import Tensor as Tensor
