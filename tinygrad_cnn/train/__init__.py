"""Training: a loop to call or to ignore, its callbacks, metrics, and a model's outputs and loss on a data set."""

from ..autodiff.foreign import answers as _answers
from .callbacks import Callback as Callback
from .evaluation import evaluate as evaluate
from .evaluation import predict as predict
from .history import History as History
from .loop import fit as fit
from .metrics import accuracy as accuracy
from .metrics import f1 as f1
from .metrics import from_counts as from_counts
from .metrics import mae as mae
from .metrics import miou as miou
from .metrics import mse as mse
from .metrics import top5 as top5
from .progress import Progress as Progress
from .run_folder import Run as Run
from .run_folder import RunError as RunError
from .shipped import AverageWeights as AverageWeights
from .shipped import Checkpoint as Checkpoint
from .shipped import EarlyStop as EarlyStop
from .training import Training as Training

_answers(globals())
