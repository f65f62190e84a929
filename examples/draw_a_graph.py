"""
Draw a graph
============

The graph of the README's expression: what ran, on which shapes, and where the weights come in::

    python examples/draw_a_graph.py [file.svg]
"""

import sys
from pathlib import Path

import tinygrad_cnn as tg

images = tg.randn(4, 8, 8, 1, rng=0, name="images")
filters = tg.randn(3, 3, 1, 6, rng=1, requires_grad=True, name="filters")
weights = tg.randn(6, 10, rng=2, requires_grad=True, name="weights")

features = tg.relu(tg.conv2d(images, filters, padding="same"))
logits = tg.global_avg_pool2d(features) @ weights
loss = tg.softmax_cross_entropy(logits, [3, 1, 4, 1])

# %%
# A file's name says what it becomes: a picture (.svg, .png, .pdf), a page to click through (.html), or Graphviz's text.

drawing = tg.draw(loss)
try:
    path = drawing.render(sys.argv[1] if len(sys.argv) > 1 else "graph.svg")
except (OSError, ValueError, tg.graphs.RenderError) as error:
    sys.exit(f"draw_a_graph: {error}")
print(f"drawn: {Path(path).name}")
