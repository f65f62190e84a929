"""The house stands as designed: imports point down, files stay small, `import tinygrad_cnn` loads NumPy only."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import tinygrad_cnn

PACKAGE = Path(tinygrad_cnn.__file__).parent

# What each part may import from the package, beside itself.  A folder, or a module at the top, is a part.
FLOORS = {
    "kernels": set(),
    "core": set(),
    "ops": {"core", "kernels"},
    "nn": {"core", "ops", "kernels.shapes"},  # the only place with the formula for sizes, so layers ask there too
    "optim": {"core", "ops"},
    "models": {"core", "ops", "nn", "io"},
    "data": {"core", "ops", "nn", "optim", "io.errors", "io.atomic"},
    "train": {"core", "ops", "nn", "optim", "data", "io"},
    "viz": {"core", "ops", "kernels", "nn", "optim", "data", "insight", "io.atomic", "io.errors"},
    "testing": {"core", "ops", "kernels"},
    "io": {"core", "ops", "kernels"},
    "insight": {"core", "ops", "nn", "optim", "io.atomic"},
    "detection": {"core", "ops"},
}
ANYTHING = {"__init__", "__main__", "cli", "runs", "bench", "web"}  # the front door

CORE_LINES = 1600
FILE_LINES = 300
FUNCTION_LINES = 45
LONGER = {  # for speed: on the path of every recorded op, where a call more can be measured
    "core/op.py __call__": 60,
    "core/engine.py sweep": 50,
}


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules(*parts):
    """The package's files, in order; of some parts only, if named."""
    found = [p for p in sorted(PACKAGE.rglob("*.py")) if not parts or part_of(p) in parts]
    assert found
    return found


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """(line, dotted name below the package) of everything of the package's own that a file imports."""
    folder = path.relative_to(PACKAGE.parent).parts[:-1]
    for node in ast.walk(tree_of(path)):  # inside functions too
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [*folder[: len(folder) - node.level + 1]] if node.level else []
            base += node.module.split(".") if node.module else []
            names = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for name in names:
            if name[0] == PACKAGE.name:
                known = len(name) > 1 and ((PACKAGE / name[1]).is_dir() or (PACKAGE / f"{name[1]}.py").is_file())
                yield node.lineno, ".".join(name[1:]) if known else "__init__"


def within(name, parts):
    return any(name == part or name.startswith(part + ".") for part in parts)


def test_every_part_has_its_floor():
    parts = {part_of(p) for p in modules()}
    assert parts <= FLOORS.keys() | ANYTHING, "give the new part its floor in FLOORS"


@pytest.mark.parametrize("part", sorted(FLOORS))
def test_imports_point_down(part):
    if not (PACKAGE / part).is_dir() and not (PACKAGE / f"{part}.py").is_file():
        pytest.fail(f"{part} is gone: take it out of FLOORS")
    allowed = FLOORS[part] | {part}
    upward = [
        f"{path.relative_to(PACKAGE)}:{line} imports {target}; {part} may import {', '.join(sorted(allowed))}"
        for path in modules(part) for line, target in imports(path) if not within(target, allowed)
    ]  # fmt: skip
    assert not upward, "\n" + "\n".join(upward)


def test_the_checker_of_imports_sees_them():
    front = {target.partition(".")[0] for _, target in imports(PACKAGE / "__init__.py")}
    assert {"core", "ops", "kernels"} <= front
    assert "core.tensor.Tensor" in {target for _, target in imports(PACKAGE / "testing" / "gradcheck.py")}


@pytest.mark.parametrize("path", modules("nn", "optim"), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layers_and_optimisers_know_no_rules(path):
    assert "vjp" not in path.read_text(encoding="utf-8")
    named = [n.name for n in ast.walk(tree_of(path)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert "backward" not in named


def test_import_loads_numpy_only_and_prints_nothing():
    code = (
        "import sys, numpy.random; before = set(sys.modules); import tinygrad_cnn; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "new -= sys.stdlib_module_names | {'tinygrad_cnn', 'numpy'}; "
        "sys.stderr.write(' '.join(sorted(new)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert (done.stdout, done.stderr) == ("", "")


DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_lines(path, node=None):
    """Lines of code of a file, or of one definition in it: no blank lines, comments or docstrings."""
    prose = set()
    for inner in ast.walk(node or tree_of(path)):
        if isinstance(inner, (ast.Module, *DEFINITIONS)) and ast.get_docstring(inner, clean=False) is not None:
            prose |= set(range(inner.body[0].lineno, inner.body[0].end_lineno + 1))
    text = path.read_text(encoding="utf-8").splitlines()
    start, end = (node.lineno, node.end_lineno) if node else (1, len(text))
    lines = [line.strip() for n, line in enumerate(text, 1) if start <= n <= end and n not in prose]
    return sum(1 for line in lines if line and not line.startswith("#"))


def test_core_stays_small():
    sizes = {path.name: code_lines(path) for path in modules("core")}
    assert sum(sizes.values()) <= CORE_LINES, f"{sum(sizes.values())} lines of code: {sizes}"


def test_files_stay_small():
    sizes = {str(path.relative_to(PACKAGE)): code_lines(path) for path in modules()}
    long = {name: size for name, size in sizes.items() if size > FILE_LINES}
    assert not long, f"split what has more than {FILE_LINES} lines of code: {long}"


def test_functions_stay_small():
    sizes = {
        f"{path.relative_to(PACKAGE).as_posix()} {node.name}": code_lines(path, node)
        for path in modules() for node in ast.walk(tree_of(path)) if isinstance(node, DEFINITIONS[1:])
    }  # fmt: skip
    long = {name: size for name, size in sizes.items() if size > LONGER.get(name, FUNCTION_LINES)}
    assert not long, f"split what has more than {FUNCTION_LINES} lines of code: {long}"
    assert LONGER.keys() <= sizes.keys(), "take out of LONGER what is gone"


def test_every_part_of_the_package_is_tested():
    tests = Path(__file__).parent
    parts = [p.name for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()]
    missing = [p for p in parts if not any(tests.glob(f"{p}/test_*.py")) and not any(tests.glob(f"test_{p}*.py"))]
    assert not missing, f"tests/ mirrors the package; there is nothing for {', '.join(missing)}"
