"""Layers on the engine: transforms, checkpoints, hooks, observers, the reader, explanations, methods, samples."""

from .branching import deciding as deciding
from .by_sample import Samples as Samples
from .checkpointing import checkpoint as checkpoint
from .composing import composed as composed
from .decorating import decorated as decorated
from .dtypes import get_default_dtype as get_default_dtype
from .dtypes import set_default_dtype as set_default_dtype
from .dtypes import with_dtypes as with_dtypes
from .effects import effect as effect
from .explaining import explain_grad as explain_grad
from .guarding import debug as debug
from .methods import stop_gradient as stop_gradient
from .randomness import fork_rng as fork_rng
from .randomness import get_rng_state as get_rng_state
from .randomness import manual_seed as manual_seed
from .randomness import set_rng_state as set_rng_state
from .sample import Sample as Sample
from .transforms import hessian as hessian
from .transforms import hvp as hvp
from .transforms import jacobian as jacobian
from .transforms import jvp as jvp
from .transforms import value_and_grad as value_and_grad
from .transforms import vjp as vjp
from .wording import fail as fail
