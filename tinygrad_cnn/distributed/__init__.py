"""Training on several processes and machines: ``model, optimizer = tg.distributed.parallel(model, optimizer)``."""

from ..autodiff.foreign import answers as _answers
from .entering import parallel as parallel
from .starting import rank as rank
from .starting import size as size
from .starting import start as start
from .threaded import run_threads as run_threads

_answers(globals())
