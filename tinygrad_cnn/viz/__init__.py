"""Pictures: graphs through Graphviz, training runs through matplotlib.  Reads what others made; changes nothing."""

from .drawing import Drawing as Drawing
from .drawing import draw as draw
from .metrics import confusion_matrix as confusion_matrix
from .metrics import curves as curves
from .render import RenderError as RenderError
from .render import renderers as renderers
from .watch import Watch as Watch
from .watch import histograms as histograms
