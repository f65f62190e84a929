"""How each operator of ONNX is computed here, one file per family."""

from . import activation as activation
from . import elementwise as elementwise
from . import indexing as indexing
from . import moving as moving
from . import normalising as normalising
from . import pooling as pooling
from . import products as products
from . import recurrent as recurrent
from . import reductions as reductions
from . import resizing as resizing
from . import windows as windows
