"""How each op is written to ONNX, one file per family as in `ops`."""

from . import elementwise as elementwise
from . import indexing as indexing
from . import pooling as pooling
from . import products as products
from . import reductions as reductions
from . import shapes as shapes
from . import windows as windows
