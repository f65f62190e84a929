"""Programs: a function that was recorded once, and is replayed from then on."""

from .compiling import Compiled as Compiled
from .compiling import compile as compile
from .errors import CompileError as CompileError
from .instructions import Call as Call
from .instructions import Program as Program
from .instructions import Slot as Slot
