"""The engine: Tensors, nodes, rules and the walk back.  It knows graphs, not convolutions."""

from .algebra import stop_gradient as stop_gradient
from .checkpointing import checkpoint as checkpoint
from .engine import backward as backward
from .engine import grad as grad
from .errors import GraphError as GraphError
from .explain import explain_grad as explain_grad
from .modes import enable_grad as enable_grad
from .modes import no_grad as no_grad
from .modes import scope as scope
from .operation import Cost as Cost
from .operation import Op as Op
from .operation import op as op
from .register import registry as registry
from .sample import Sample as Sample
from .tensor import Tensor as Tensor
from .transforms import hessian as hessian
from .transforms import hvp as hvp
from .transforms import jacobian as jacobian
from .transforms import jvp as jvp
from .transforms import value_and_grad as value_and_grad
from .transforms import vjp as vjp
