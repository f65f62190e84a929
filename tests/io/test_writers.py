"""Only `io/atomic.py` opens files for writing: no other module can write through a symbolic link, or leave half a file.

The check reads the source. It knows the usual ways to write a file, not every way there is.
"""

import ast
import re
from pathlib import Path

import pytest

import tinygrad_cnn

PACKAGE = Path(tinygrad_cnn.__file__).parent
ATOMIC = "io/atomic.py"

OPENERS = {"open", "ZipFile", "TarFile", "GzipFile", "BZ2File", "LZMAFile", "File", "FileIO", "memmap", "open_memmap"}
TO_WRITE = re.compile(r"[wxa][bt+]{0,2}([:|]\w*)?|r[bt]?\+[bt]?")  # modes; "w:gz" is one of tarfile's
ALWAYS = {  # what writes, whatever its arguments
    "write_text", "write_bytes", "touch", "symlink_to", "hardlink_to", "tofile", "savez_compressed", "savetxt",
    "save_file", "copyfile", "copy2", "copytree", "move", "unpack_archive", "make_archive", "extract", "extractall",
    "FileHandler", "RotatingFileHandler", "NamedTemporaryFile", "mkstemp", "imsave", "imwrite", "to_file",
}  # fmt: skip
OF_MODULES = {"os.replace", "os.rename", "os.renames", "os.link", "os.symlink", "os.truncate", "np.save", "shutil.copy"}
INTO = {"save", "savefig", "savez"}  # what also takes an open file
LIBRARIES = {"tensorboardX", "shelve", "dbm", "sqlite3"}  # what writes files of its own

ALLOWED = {
    "plan.save(...)": "takes from the arrays of an op what its rules need; writes no file",
    "save(...)": "`tg.save`, which writes by `atomic_write`",
    "self.run.save(...)": "`Run.save`, which writes by `atomic_write`",
    "import tensorboardX": "no option makes it refuse links; `train/tensorboard.py` gives its files names that nobody "
                           "can guess, and `Run.folder` refuses a folder that is a link",
}  # fmt: skip


def finds(tree):
    """(line, what) of everything in a module that opens a file for writing."""
    open_files = {name for node in ast.walk(tree) for name in opened(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from ((node.lineno, f"import {name}") for name in names if name.partition(".")[0] in LIBRARIES)
        elif isinstance(node, ast.Call) and writes(node, open_files):
            yield node.lineno, f"{ast.unparse(node.func)}(...)"


def opened(node):
    """The names that a statement binds to a file that is already open, or to memory."""
    if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
        yield from [node.optional_vars.id] if called(node.context_expr) in ("atomic_write", "BytesIO") else []
    elif isinstance(node, ast.Assign) and called(node.value) in ("BytesIO", "StringIO"):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def called(node):
    """The last name of the function of a call; "" if it has none."""
    function = node.func if isinstance(node, ast.Call) else node
    return getattr(function, "attr", getattr(function, "id", ""))


def writes(call, open_files):
    name, whole = called(call), ast.unparse(call.func)
    if whole == "os.open":
        return ast.unparse(call.args[0]) != "os.devnull" and ast.unparse(call.args[1]) != "os.O_RDONLY"
    if name in OPENERS:
        return any(is_mode_to_write(word) for word in modes(call))
    if name in INTO:
        return not (call.args and isinstance(call.args[0], ast.Name) and call.args[0].id in open_files)
    return name in ALWAYS or whole in OF_MODULES


def modes(call):
    """The arguments of an opener that may be its mode."""
    yield from (option.value for option in call.keywords if option.arg == "mode")
    if isinstance(call.func, ast.Name):
        yield from call.args[1:2]
    else:  # `path.open("w")`, `gzip.open(path, "w")`
        yield from (word for word in call.args[:2] if isinstance(word, ast.Constant))


def is_mode_to_write(node):
    """Whether this is the mode of a writer; one that is computed may be."""
    if not isinstance(node, ast.Constant):
        return True
    return isinstance(node.value, str) and TO_WRITE.fullmatch(node.value) is not None


def of_package():
    for path in sorted(PACKAGE.rglob("*.py")):
        if (name := path.relative_to(PACKAGE).as_posix()) != ATOMIC:
            yield from ((f"{name}:{line}", what) for line, what in finds(ast.parse(path.read_text(encoding="utf-8"))))


def test_only_the_atomic_writer_opens_files_for_writing():
    found = [f"{where}: {what}" for where, what in of_package() if what not in ALLOWED]
    assert not found, "write these by atomic_write, atomic_path or open_part of io/atomic.py:\n" + "\n".join(found)


def test_nothing_is_allowed_in_vain():
    assert ALLOWED.keys() == {what for _, what in of_package()} & ALLOWED.keys()


@pytest.mark.parametrize(
    "text",
    [
        "open(p, 'w')", "open(p, 'r+b')", "open(p, mode='ab')", "open(p, m)", "io.open(p, 'x')", "p.open('wb')",
        "Path(p).open(mode='w')", "gzip.open(p, 'wt')", "zipfile.ZipFile(p, 'a')", "tarfile.open(p, 'w:gz')",
        "h5py.File(p, 'w')", "os.open(p, os.O_WRONLY | os.O_CREAT)", "p.write_text(t)", "p.write_bytes(b)",
        "figure.savefig(p)", "figure.savefig('a.png')", "image.save(p)", "np.save(p, a)", "np.savez(p, a=a)",
        "save_file(a, p)", "shutil.copy(p, q)", "shutil.move(p, q)", "os.replace(p, q)", "archive.extractall(p)",
        "logging.FileHandler(p)", "np.memmap(p, mode='w+')", "from tensorboardX import SummaryWriter", "import sqlite3",
    ],
)  # fmt: skip
def test_the_check_sees_a_writer(text):
    assert list(finds(ast.parse(text))), text


@pytest.mark.parametrize(
    "text",
    [
        "open(p)", "open(p, 'rb')", "open(p, encoding='utf-8')", "p.open()", "archive.open(name)", "gzip.open(p, 'rb')",
        "tarfile.open(fileobj=f, mode='r|')", "os.open(p, os.O_RDONLY)", "webbrowser.open(url)", "Run.open('wax')",
        "memory = io.BytesIO()\nfigure.savefig(memory, format='png')",
        "with atomic_write(p) as file:\n    figure.savefig(file, format='png')",
        "text.replace('a', 'b')", "shutil.which('dot')", "x.copy()",
    ],
)  # fmt: skip
def test_the_check_leaves_readers_alone(text):
    assert not list(finds(ast.parse(text))), text
