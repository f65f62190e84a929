"""Pictures: graphs through Graphviz, training runs through matplotlib.  Reads what others made; changes nothing."""

from .drawing import Drawing as Drawing
from .drawing import draw as draw
from .plots import confusion_matrix as confusion_matrix
from .plots import curves as curves
from .render import RenderError as RenderError
from .render import renderers as renderers
