"""Training: a loop to call or to ignore, and a model's outputs, loss and metrics on a data set."""

from ..autodiff.foreign import answers as _answers
from .evaluation import accuracy as accuracy
from .evaluation import evaluate as evaluate
from .evaluation import predict as predict
from .history import History as History
from .loop import fit as fit
from .run_folder import Run as Run
from .run_folder import RunError as RunError

_answers(globals())
