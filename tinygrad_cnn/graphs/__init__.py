"""Drawings of graphs through Graphviz, pages of graphs for a browser, and what notebooks show."""

from .diff import draw_diff as draw_diff
from .display import html_of as html_of
from .drawing import Drawing as Drawing
from .drawing import draw as draw
from .render import RenderError as RenderError
from .render import renderers as renderers
