"""Pictures of networks and of trainings through matplotlib.  They leave a network as it was."""

from .attribution import *
from .banks import *
from .batches import *
from .examples import *
from .landscape import *
from .lr_range import *
from .masks import *
from .mistakes import *
from .receptive import *
from .screen import *
from .training import *
from .volumes import *
from .watch import *
