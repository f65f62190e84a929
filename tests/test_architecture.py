"""The house stands as designed: imports point down, files stay small, `import tinygrad_cnn` loads NumPy only."""

import ast
import graphlib
import importlib
import subprocess
import sys
import types
from functools import cache
from pathlib import Path

import pytest

import tinygrad_cnn
from tinygrad_cnn import nn, optim

PACKAGE = Path(tinygrad_cnn.__file__).parent

# The parts of the package, lowest first: each may import from those above it in this list.
LAYERS = (
    "version", "kernels", "core", "autodiff", "ops", "nn", "optim", "io", "detection", "data", "models", "insight",
    "program", "onnx", "graphs", "plots", "testing", "distributed", "train", "pages", "cli",
)  # fmt: skip
# Parts that may import less than that.
ONLY = {
    "core": {"version"},
    "autodiff": {"version", "core", "kernels.shapes"},  # which has the rule for whole numbers
    # kernels.shapes is the only place with the formula for sizes, so layers ask there too
    "nn": {"core", "autodiff", "ops", "kernels.shapes"},
    "optim": {"core", "autodiff", "ops"},
    "detection": {"core", "autodiff", "ops"},
    "distributed": {"core", "autodiff", "ops", "nn", "optim"},
    "testing": {"core", "autodiff", "ops", "kernels", "nn", "optim", "io", "insight", "program", "graphs"},
}
FRONT_DOOR = {"__init__", "__main__", "viz"}  # may import everything; nothing may import them
# import modules whose names users give, or the pickle of an op
NAMED_BY_USERS = {"autodiff/pickling.py", "cli/target.py", "testing/plugin.py"}

CORE_LINES = 950
TWIN_LINES = 95  # beside these: what the compiled twin replaces, and the choice between them
TWIN = {"plain.py", "compiled.py"}
PATH_LINES = 550  # of one op and one backward
FILE_LINES = 300
FUNCTION_LINES = 45
LONGER = {  # for speed: on the path of every recorded op, where a call more can be measured
    "core/operation.py record": 63,
    "core/engine.py sweep": 58,
}


DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


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
        elif isinstance(node, ast.Call) and name_of(node.func) in ("import_module", "__import__"):
            names = [imported_by_call(path, node)]
        elif isinstance(node, ast.Subscript) and name_of(node.value) == "modules":  # sys.modules["..."]
            names = [node.slice.value.split(".")] if isinstance(getattr(node.slice, "value", 0), str) else []
        else:
            continue
        for name in names:
            if name[0] == "?":
                yield node.lineno, "?"
            elif name[0] == PACKAGE.name:
                known = len(name) > 1 and ((PACKAGE / name[1]).is_dir() or (PACKAGE / f"{name[1]}.py").is_file())
                yield node.lineno, ".".join(name[1:]) if known else "__init__"


def name_of(node):
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def imported_by_call(path, call):
    """The dotted name that ``import_module(...)`` imports, as a list; "?" stands for what a variable holds."""
    argument = call.args[0]
    parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
    here = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    text = "".join(
        part.value if isinstance(part, ast.Constant)
        else here if name_of(getattr(part, "value", part)) == "__name__" else "?" for part in parts
    )  # fmt: skip
    folder = path.relative_to(PACKAGE.parent).parts[:-1]
    level = len(text) - len(text.lstrip("."))
    return [*folder[: len(folder) - level + 1], *text[level:].split(".")] if level else text.split(".")


def within(name, parts):
    return any(name == part or name.startswith(part + ".") for part in parts)


def allowed(part):
    """What a part may import of the package."""
    return ONLY.get(part, {*LAYERS[: LAYERS.index(part)]}) | {part}


def test_every_part_has_its_layer():
    assert {part_of(p) for p in modules()} == {*LAYERS, *FRONT_DOOR}, "give each part its place in LAYERS"


@pytest.mark.parametrize("part", LAYERS)
def test_imports_point_down(part):
    upward = [
        f"{path.relative_to(PACKAGE)}:{line} imports {target}; {part} may import {', '.join(sorted(allowed(part)))}"
        for path in modules(part) for line, target in imports(path) if not within(target, allowed(part))
        if not (target == "?" and path.relative_to(PACKAGE).as_posix() in NAMED_BY_USERS)
    ]  # fmt: skip
    assert not upward, "\n" + "\n".join(upward)


def test_the_checker_of_imports_sees_them():
    front = {target.partition(".")[0] for _, target in imports(PACKAGE / "__init__.py") if target != "__init__"}
    assert {"core", "ops", "kernels"} <= front
    assert "core.tensor.Tensor" in {target for _, target in imports(PACKAGE / "testing" / "gradient_check.py")}
    assert "kernels.native._native" in {target for _, target in imports(PACKAGE / "kernels" / "native" / "__init__.py")}


@pytest.mark.parametrize(
    "text",
    ["import tinygrad_cnn", 'import_module("tinygrad_cnn")', 'importlib.import_module("..viz.x", __package__)',
     '__import__("tinygrad_cnn")', 'sys.modules["tinygrad_cnn"]', "from .. import fit", 'import_module(f"{name}.x")'],
)  # fmt: skip
def test_the_checker_of_imports_sees_imports_by_call(text, monkeypatch):
    monkeypatch.setitem(globals(), "tree_of", lambda path: ast.parse(text))
    (found,) = (target for _, target in imports(PACKAGE / "core" / "new.py"))
    assert not within(found, allowed("core"))


# -- files inside a part --------------------------------------------------------------------------------------

# The files of the engine in the order in which they are read: each imports from those before it.
CORE = (
    "errors", "site", "register", "modes", "plain", "compiled", "binding", "rules", "graph", "tensor", "operation",
    "engine",
)  # fmt: skip
ORDERED = ("core", "autodiff", "ops")  # parts without circles, and without imports that hide in functions


def files_of(part):
    """file -> the files of the same part that it imports from."""
    inside = {path: path.relative_to(PACKAGE / part).with_suffix("") for path in modules(part)}
    names = {".".join(inner.parts): path for path, inner in inside.items() if inner.stem != "__init__"}
    within_part = {
        name: {target.split(".")[1] for _, target in imports(path) if target.startswith(part + ".")}
        for name, path in names.items()
    }
    return {name: files & names.keys() - {name} for name, files in within_part.items()}


def test_the_files_of_the_engine_stand_in_order():
    files = files_of("core")
    assert files.keys() == set(CORE), "give the new file its place in CORE"
    upward = {name: files[name] - set(CORE[: CORE.index(name)]) for name in CORE}
    assert not any(upward.values()), upward


@pytest.mark.parametrize("part", ORDERED)
def test_files_of_a_part_import_each_other_without_circles(part):
    try:
        order = list(graphlib.TopologicalSorter(files_of(part)).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"{part} has a circle: {' -> '.join(error.args[1])}")
    assert len(order) == len(files_of(part))


@pytest.mark.parametrize("part", ORDERED)
def test_no_import_hides_in_a_function_or_for_type_checkers_only(part):
    hidden = []
    for path in modules(part):
        top = {node for node in tree_of(path).body if isinstance(node, (ast.Import, ast.ImportFrom))}
        own = {line for line, _ in imports(path)}
        hidden += [
            f"{path.relative_to(PACKAGE)}:{node.lineno}" for node in ast.walk(tree_of(path))
            if isinstance(node, (ast.Import, ast.ImportFrom)) and node not in top and node.lineno in own
        ]  # fmt: skip
    assert not hidden, f"import at the top of the file, or through core.register: {', '.join(hidden)}"


# -- names ----------------------------------------------------------------------------------------------------

PUBLIC_MODULES = {"data.transforms", "nn.init", "ops.linalg"}  # are what their packages export under these names
VAGUE = {"utils", "helpers", "misc", "common", "_parts", "_help", "parts", "help"}


def exports(path):
    """The names in the `__all__` of a file."""
    assigned = [node for node in tree_of(path).body if isinstance(node, ast.Assign)]
    lists = [node.value for node in assigned if name_of(node.targets[0]) == "__all__"]
    return ast.literal_eval(lists[0]) if lists else []


def packages():
    return [path.parent for path in modules() if path.name == "__init__.py"]


@pytest.mark.parametrize("folder", packages(), ids=lambda p: ".".join(p.relative_to(PACKAGE.parent).parts))
def test_no_module_has_the_name_of_something_public(folder):
    """``import tinygrad_cnn.ops.norm as m`` would give the function, and importing the module would replace it."""
    public = set()
    for node in tree_of(folder / "__init__.py").body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {alias.asname or alias.name for alias in node.names}
            public |= set(exports(folder / f"{node.module}.py")) if names == {"*"} and folder != PACKAGE else names
        elif isinstance(node, DEFINITIONS):
            public.add(node.name)
    if folder == PACKAGE:
        public |= set(tinygrad_cnn.__all__) - set(LAYERS) - FRONT_DOOR
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    prefix = ".".join(folder.relative_to(PACKAGE).parts)
    twice = {name for name in found & public if f"{prefix}.{name}" not in PUBLIC_MODULES}
    assert not twice, f"rename the modules {sorted(twice)} of {prefix or PACKAGE.name}"
    assert not found & VAGUE, "name a module after what it contains"


BY_LISTS = ("ops", "nn", "optim", "plots")  # packages that export what each of their files lists in `__all__`
BASES = (nn.Module, optim.Optimizer, optim.Schedule)  # whose classes are public even if other files import them


@cache
def words(path):
    """The names that a file uses: its own, attributes, and what it imports."""
    nodes = list(ast.walk(tree_of(path)))
    return {name_of(node) for node in nodes} | {node.name for node in nodes if isinstance(node, ast.alias)}


def forgotten(part):
    """What reads as public but is not: no file lists it, no other file uses it, and it is not an op.

    Ops that are neither exported nor used by rules are found in tests/ops/test_exports.py.
    """
    used = {path: words(path) for path in modules()}
    for path in modules(part):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if path.stem[0] == "_" or name in PUBLIC_MODULES:
            continue
        module = importlib.import_module(f"{PACKAGE.name}.{name}")
        for node in tree_of(path).body:
            if isinstance(node, DEFINITIONS) and node.name[0] != "_" and node.name not in exports(path):
                value = getattr(module, node.name)
                member = isinstance(value, type) and issubclass(value, BASES)
                elsewhere = any(node.name in names for other, names in used.items() if other != path)
                if not isinstance(value, tinygrad_cnn.Op) and (member or not elsewhere):
                    yield f"{name}.{node.name}"


@pytest.mark.parametrize("part", BY_LISTS)
def test_what_reads_as_public_is_exported(part):
    lost = list(forgotten(part))
    assert not lost, f"add to the __all__ of its file, or begin with an underscore: {', '.join(lost)}"


@pytest.mark.parametrize("part", BY_LISTS)
def test_every_list_is_exported_by_its_package(part):
    package = importlib.import_module(f"{PACKAGE.name}.{part}")
    for path in modules(part):
        by_name = path.stem == "__init__" or f"{part}.{path.stem}" in PUBLIC_MODULES
        listed = [] if by_name else exports(path)
        assert vars(package).keys() >= set(listed), f"add `from .{path.stem} import *` to {part}/__init__.py"


@pytest.mark.parametrize(
    ("part", "text", "found"),
    [("ops", "def new(x): pass", ["new"]), ("ops", "def _new(x): pass", []),
     ("ops", "__all__ = ['new']\ndef new(x): pass", []), ("nn", "class New: pass", ["New"])],
)  # fmt: skip
def test_what_is_forgotten_is_found(part, text, found, monkeypatch):
    path = PACKAGE / part / "new.py"
    module = types.ModuleType("new")
    exec(text, vars(module))
    monkeypatch.setattr(importlib, "import_module", lambda name: module)
    monkeypatch.setitem(globals(), "tree_of", lambda path: ast.parse(text))
    monkeypatch.setitem(globals(), "modules", lambda *parts: [path])
    assert list(forgotten(part)) == [f"{part}.new.{name}" for name in found]


def test_importing_submodules_leaves_every_public_name_as_it_was():
    code = """
import importlib, pkgutil, types, warnings
import tinygrad_cnn as tg
warnings.simplefilter("ignore", DeprecationWarning)  # of tg.viz
for name in tg.__all__:
    getattr(tg, name)
def public():
    return {part.__name__ + "." + name: value for part in [tg, *vars(tg).values()] if isinstance(part, types.ModuleType)
            and part.__name__.startswith(tg.__name__) for name, value in vars(part).items() if not name.startswith("_")}
before = public()
modules = [m.name for m in pkgutil.walk_packages(tg.__path__, "tinygrad_cnn.") if not m.name.endswith("__main__")]
for name in modules:
    importlib.import_module(name)
after = public()
print(len(before), len(modules), *[name for name, value in before.items() if after[name] is not value])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, modules, *changed = done.stdout.split()
    assert int(names) > 400 and int(modules) > 200 and not changed


# Frames and tracebacks, which say what ran only as long as nobody rewrites a function.
FRAMES = {
    "f_back", "f_builtins", "f_code", "f_globals", "f_lasti", "f_lineno", "f_locals", "tb_frame", "tb_lasti", "tb_next",
    "__traceback__", "_getframe", "currentframe", "exc_info", "gi_frame", "cr_frame", "ag_frame",
}  # fmt: skip
READS_FRAMES = (  # but not to find out what ran
    "core/site.py",  # to find the user's line
    "autodiff/calls.py",  # to leave the errors of the user's code as they are
    "program/replay.py",  # to find the line of a program that failed
)


def frames_and_forwards(path):
    """Where a file reads a frame or a traceback, or gives an object a forward of its own."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute):
            if node.attr in FRAMES or (node.attr == "forward" and not isinstance(node.ctx, ast.Load)):
                yield f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno} {node.attr}"
        elif isinstance(node, ast.Call) and (name := name_of(node.func)) in ("getattr", *SETTERS):
            words = {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
            if words & FRAMES or (name in SETTERS and "forward" in words):
                yield f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno} {name}"


SETTERS = ("setattr", "delattr", "__setattr__", "__delattr__")


def test_nobody_reads_frames_or_replaces_forward_to_find_out_what_ran():
    found = [place for path in modules() for place in frames_and_forwards(path)]
    others = [place for place in found if not place.startswith(READS_FRAMES)]
    assert not others, f"ask autodiff.reader.graph_of, an observer or an onlooker: {', '.join(others)}"
    assert found, "take away READS_FRAMES"


@pytest.mark.parametrize(
    "text",
    ["frame.f_locals", "error.__traceback__.tb_next", "sys._getframe(1)", "getattr(trace, 'tb_frame')", "m.forward = f",
     "del m.forward", "setattr(m, 'forward', f)", "object.__setattr__(m, 'forward', f)"],
)  # fmt: skip
def test_the_checker_of_frames_sees_them(text, monkeypatch):
    monkeypatch.setitem(globals(), "tree_of", lambda path: ast.parse(text))
    assert list(frames_and_forwards(PACKAGE / "new.py"))


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
    twin = sum(sizes.pop(name) for name in TWIN)
    assert sum(sizes.values()) <= CORE_LINES, f"{sum(sizes.values())} lines of code: {sizes}"
    assert twin <= TWIN_LINES, f"{twin} lines of code in {' and '.join(sorted(TWIN))}"


def path_lines():
    """Lines of code of one op and one backward: of graph, operation, engine, and of what Tensor stores."""
    tensor = PACKAGE / "core" / "tensor.py"
    (stored,) = (node for node in tree_of(tensor).body if isinstance(node, ast.ClassDef))
    whole = sum(code_lines(PACKAGE / "core" / f"{name}.py") for name in ("graph", "operation", "engine"))
    return whole + code_lines(tensor, stored)


def test_the_path_of_one_op_and_one_backward_stays_short():
    assert path_lines() <= PATH_LINES


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


if __name__ == "__main__":  # prints the list of layers
    for k, part in enumerate(LAYERS, 1):
        imported = {target.partition(".")[0] for path in modules(part) for _, target in imports(path)} - {part}
        lines = sum(code_lines(path) for path in modules(part))
        below = " ".join(p for p in LAYERS if p in imported) or "-"
        print(f"{k:3} {part:10} {lines:5} lines of code; imports {below}")
    print("core, in the order in which it is read")
    for name in CORE:
        print(f"    {name:10} {code_lines(PACKAGE / 'core' / f'{name}.py'):4} lines of code")
    print(f"of one op and one backward {path_lines()} lines of code")


def test_warnings_name_the_line_of_the_user():
    """A count of frames is wrong behind decorators; kernels, which know nothing of call sites, warn when imported."""
    elsewhere = {"autodiff/outside.py", "kernels/__init__.py", "kernels/native/__init__.py"}
    files = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    found = {name for name, text in files.items() if "warnings.warn(" in text or "warnings.warn_explicit(" in text}
    assert found <= elsewhere, "warn by autodiff.outside: warn or deprecated"
