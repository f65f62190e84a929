"""`load_keras_h5`: the weights in a Keras HDF5 file, through h5py.

The HDF5 library runs in a process of its own (`hdf5_reader`), since a damaged file can hang or crash it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from typing import IO, Any

import numpy as np

from ..autodiff.calls import named
from .checked import check_booleans, count, open_file
from .errors import FileFormatError

SECONDS = 20  # for a small file, and one more for each megabyte
LONGEST_LINE = 1 << 26
PROGRAM = "from tinygrad_cnn.io.hdf5_reader import main; main(sys.argv[1])"


@named
def load_keras_h5(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the weights of a Keras file (``.weights.h5``, ``.h5``, ``.hdf5``): path inside the file -> array.

    Groups are joined by slashes: ``block1/layers/conv2d/vars/0`` as Keras 3 writes, ``conv1/conv1/kernel:0`` as
    Keras 1 and 2 do.  Where the file lists the names of its weights, only those are read, in the order of the list;
    else everything, in the order of the names.  Axes are Keras's and ours: filters (I, J, C, O), dense (in, out).

    Raises
    ------
    ImportError : h5py is missing.
    FileFormatError : the file is foreign, cut short or altered; or it holds links, compressed or external arrays, text
        or objects in place of weights; or the HDF5 library crashed or hung on it.  The message names the file.
    """
    name = os.fspath(path)
    if importlib.util.find_spec("h5py") is None:
        raise ImportError("load_keras_h5 needs h5py: pip install 'tinygrad-cnn[examples]'.")
    with open_file(path, "a Keras HDF5 file") as file:
        if file.read(8) != b"\x89HDF\r\n\x1a\n":
            raise FileFormatError(f"{name}: not an HDF5 file; those begin with the bytes \\x89HDF.")
        size = os.fstat(file.fileno()).st_size
    arrays = _ask_child(name, size)
    for key, array in arrays.items():
        check_booleans(path, key, array)
    return arrays


def _ask_child(path: str, size: int) -> dict[str, np.ndarray]:
    """What `hdf5_reader` makes of a file; a child that is killed or too slow is a fault of the file."""
    import subprocess

    start = f"import sys; sys.path[:] = {sys.path!r}; {PROGRAM}"
    command = [sys.executable, "-c", start, os.path.abspath(path)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"}
    seconds = SECONDS + size / 1e6
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as child:
        timer = threading.Timer(seconds, child.kill)
        timer.start()
        try:
            assert child.stdout is not None
            answer = _received(child.stdout, size)
        finally:
            late = not timer.is_alive()
            timer.cancel()
            child.kill()
    if answer is None:
        how = f"did not come to an end on it in {seconds:.0f} seconds" if late else "crashed on it"
        raise FileFormatError(f"{path}: a damaged HDF5 file (the HDF5 library {how}).")
    if isinstance(answer, str):
        raise FileFormatError(f"{path}: {answer}.")
    return answer


def _received(stream: IO[bytes], size: int) -> dict[str, np.ndarray] | str | None:
    """The child's arrays, or why it refuses the file; None if it fell silent."""
    import json

    line = stream.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        return None
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if "refused" in answer:
        return str(answer["refused"])
    arrays = {}
    for name, dtype, shape in answer["arrays"]:
        size -= (count(shape) or 0) * np.dtype(dtype).itemsize
        if size < 0:
            return None
        arrays[name] = np.empty(shape, dtype)
        if not _filled(stream, arrays[name]):
            return None
    return arrays


def _filled(stream: Any, array: np.ndarray) -> bool:
    space = array.reshape(-1).view(np.uint8).data
    while len(space):
        got = stream.readinto(space)
        if not got:
            return False
        space = space[got:]
    return True
