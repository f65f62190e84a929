"""Build the optional compiled parts; everything else about the package is in setup.cfg.

The kernels: one C source is compiled once for each instruction set and linked into one extension module.  The core:
the compiled twin of the engine's call path, plain C for any compiler.  Without a compiler, or when compiling one of
them fails, the package installs without it and works in Python, on NumPy alone.  TINYGRAD_CNN_NATIVE=0 and
TINYGRAD_CNN_CORE=python skip the one and the other, TINYGRAD_CNN_NATIVE=1 and TINYGRAD_CNN_CORE=c make a failure an
error.
"""

import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

HERE = "tinygrad_cnn/kernels/native"
CORE = "tinygrad_cnn/core/native"
NATIVE_WISH, CORE_WISH = os.environ.get("TINYGRAD_CNN_NATIVE"), os.environ.get("TINYGRAD_CNN_CORE")
SKIPPED = {"_native": NATIVE_WISH == "0", "_core": CORE_WISH == "python"}
NEEDED = {"_native": NATIVE_WISH == "1", "_core": CORE_WISH == "c"}
WITHOUT = {
    "_native": "compiled kernels were not built ({}); NumPy is used instead.",
    "_core": "the compiled core was not built ({}); the engine works in Python instead.",
}
FLAGS = ["-std=gnu11", "-O3", "-g0", "-ffp-contract=fast", "-fno-math-errno", "-fvisibility=hidden", "-pthread"]
FLAGS += ["-Wno-psabi"]  # vector types are passed within one file only


def instruction_sets():
    """Names and flags, best first."""
    machine = platform.machine().lower()
    one_target = not re.search(r"-arch \S+.*-arch \S+", os.environ.get("ARCHFLAGS", ""))
    if machine in ("x86_64", "amd64") and one_target and "arm64" not in os.environ.get("ARCHFLAGS", ""):
        wide = "-mprefer-vector-width=512"
        return {"v4": ["-march=x86-64-v4", wide], "v3": ["-march=x86-64-v3"], "v2": ["-march=x86-64-v2"]}
    return {"base": []}


def bf16_sets():
    """Names and flags of the instructions for products of bf16 numbers, fastest first."""
    sets = {"emulated": []}
    if "v4" in instruction_sets():
        sets = {"dot": ["-mavx512f", "-mavx512bf16"], **sets}
        if sys.platform == "linux":  # elsewhere nobody asks the system for leave to use the tiles
            sets = {"amx": ["-mamx-tile", "-mamx-bf16"], **sets}
    return sets


def version():
    """The number of the interface between native/__init__.py and module.c."""
    return re.search(r"^VERSION = (\d+)", Path(HERE, "__init__.py").read_text(encoding="utf-8"), re.M)[1]


class build_optional(build_ext):
    """Builds each extension by itself: the failure of one leaves the others."""

    def run(self):
        self.extensions = [ext for ext in self.extensions if not SKIPPED[short(ext)]]
        super().run()

    def build_extensions(self):
        for ext in [*self.extensions]:
            try:
                self.build_extension(ext)
            except Exception as error:
                if NEEDED[short(ext)]:
                    raise
                line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                print(f"tinygrad_cnn: {WITHOUT[short(ext)].format(line)}", file=sys.stderr)
                self.extensions.remove(ext)  # so that nobody looks for what is not there

    def is_clang(self):
        command = getattr(self.compiler, "compiler_so", None) or ["cc"]
        try:
            found = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=False)
        except OSError:
            return False
        return "clang" in found.stdout

    def build_extension(self, ext):
        more = os.environ.get("TINYGRAD_CNN_CFLAGS", "").split()
        if short(ext) == "_core":
            if self.compiler.compiler_type != "msvc":
                ext.extra_compile_args = ["-std=c11", "-O2", "-g0", "-fvisibility=hidden", *more]
                ext.extra_link_args = more
        else:
            self.prepare_kernels(ext, more)
        super().build_extension(ext)

    def prepare_kernels(self, ext, more):
        """Compile the kernels for each instruction set, to be linked into one module."""
        if self.compiler.compiler_type == "msvc":
            raise RuntimeError("the kernels need gcc or clang")
        if self.is_clang():  # loops that the sources mark are still unrolled; others only get longer
            more.insert(0, "-fno-unroll-loops")
        ext.extra_compile_args = FLAGS + more
        ext.extra_link_args = ["-pthread", *more]
        sets = instruction_sets()
        ext.define_macros = [("TG_VERSION", version()), ("TG_ISAS", " ".join(f"X({name})" for name in sets))]

        def compiled(name):
            return self.compiler.compile(
                [f"{HERE}/isa.c"],
                output_dir=os.path.join(self.build_temp, name),
                macros=[("TG_ISA", name)],
                extra_postargs=[*FLAGS, *sets[name], *more],
                depends=ext.depends,
            )

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a compiler, a process of its own
            for objects in pool.map(compiled, sets):
                ext.extra_objects += objects
        self.prepare_bf16(ext, more)

    def prepare_bf16(self, ext, more):
        """Compile products of bf16 numbers for each set of instructions that the compiler knows."""
        found = []
        for name, flags in bf16_sets().items():
            try:
                ext.extra_objects += self.compiler.compile(
                    [f"{HERE}/bf16_tiles.c"],
                    output_dir=os.path.join(self.build_temp, name),
                    macros=[(f"TG_BF16_{name.upper()}", "1")],
                    extra_postargs=[*FLAGS, *flags, *more],
                    depends=ext.depends,
                )
            except CompileError:  # it is older than these instructions
                print(f"tinygrad_cnn: the compiler does not know the {name} instructions for bf16.", file=sys.stderr)
                continue
            found.append(name)
        ext.define_macros.append(("TG_BF16_SETS", " ".join(f"X({name})" for name in found)))


def short(ext):
    """The last part of an extension's name."""
    return ext.name.rpartition(".")[2]


native = Extension(
    "tinygrad_cnn.kernels.native._native",
    sources=[f"{HERE}/{name}.c" for name in ("module", "row_calls", "threads", "memory", "heap", "precision")],
    depends=[str(p) for p in Path(HERE).glob("*.h")] + [f"{HERE}/isa.c", f"{HERE}/bf16_tiles.c", f"{HERE}/__init__.py"],
    libraries=["m"],
)
core = Extension(
    "tinygrad_cnn.core.native._core",
    sources=sorted(p.as_posix() for p in Path(CORE).glob("*.c")),
    depends=sorted(p.as_posix() for p in Path(CORE).glob("*.h")),
)
setup(ext_modules=[native, core], cmdclass={"build_ext": build_optional})
