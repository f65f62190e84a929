"""The notebook runs from top to bottom in a kernel of this Python, and every picture in it is there."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.level("default")

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "look_inside.ipynb"

# Run apart, since Jupyter's sockets would warn in this process.  The kernel is the Python that runs this test, whatever
# is installed for the user.
EXECUTE = """
import sys
import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

class ThisPython(KernelSpecManager):
    def get_kernel_spec(self, kernel_name):
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name=kernel_name, language="python")

notebook = nbformat.read(sys.argv[1], as_version=4)
manager = AsyncKernelManager(kernel_spec_manager=ThisPython())
NotebookClient(notebook, km=manager, timeout=120).execute(cwd=sys.argv[2])
nbformat.write(notebook, sys.argv[2] + "/executed.ipynb")
"""


@pytest.fixture(scope="module")
def committed():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with its outputs; all that Jupyter writes goes into a folder of the test's own."""
    folder = tmp_path_factory.mktemp("jupyter")
    names = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    environment = {**os.environ, **{name: str(folder / name.lower()) for name in names}, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", EXECUTE, str(NOTEBOOK), str(folder)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return nbformat.read(folder / "executed.ipynb", as_version=4)


def outputs(notebook, form):
    """What the cells show of one kind, with the number of the cell."""
    return {
        k: output["data"][form]
        for k, cell in enumerate(notebook.cells) if cell.cell_type == "code"
        for output in cell.outputs if form in output.get("data", {})
    }  # fmt: skip


def test_it_is_stored_without_outputs(committed):
    nbformat.validate(committed)
    assert NOTEBOOK.stat().st_size < 10_000
    for cell in committed.cells:
        assert cell.cell_type == "markdown" or (cell.outputs == [] and cell.execution_count is None)


def test_every_cell_shows_something_and_none_complains(executed):
    for cell in executed.cells:
        if cell.cell_type == "code":
            assert cell.outputs, cell.source
            assert not [output for output in cell.outputs if output.output_type in ("error", "stream")], cell.outputs


def test_tensors_and_modules_show_themselves(executed):
    tensor, model = list(outputs(executed, "text/html").values())[:2]
    assert tensor.count("<img") == 8 and "images" in tensor and "(64, 8, 8, 1)" in tensor
    assert "<details" in model and "Conv2d" in model


def test_graphs_are_pictures_and_say_what_was_asked_for(executed):
    plain, values, costs, deep = outputs(executed, "image/svg+xml").values()
    pictures = (plain, values, costs, deep)
    assert all("<svg" in picture for picture in pictures)
    words = [html.unescape(" ".join(re.findall(r">([^<>]+)<", picture))) for picture in pictures]
    assert "conv2d" in words[0] and "grad norm" not in words[0]
    assert "grad norm" in words[1] and "gradient norm" in words[1]
    assert "multiply-adds" in words[2] and "kept" in words[2]
    assert "vanishing gradient" in words[3]


def test_the_gradient_is_explained(executed):
    *_, explained = outputs(executed, "text/html").values()
    assert "softmax_cross_entropy" in explained and "conv2d" in explained
