"""Build the optional compiled kernels; everything else about the package is in setup.cfg.

One C source is compiled once for each instruction set and linked into one extension module.  Without a compiler, or
when compiling fails, the package installs without it and works on NumPy alone.  TINYGRAD_CNN_NATIVE=0 skips it,
TINYGRAD_CNN_NATIVE=1 makes a failure an error.
"""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = "tinygrad_cnn/kernels/native"
WISH = os.environ.get("TINYGRAD_CNN_NATIVE", "")
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


def version():
    """The number of the interface between native/__init__.py and module.c."""
    return re.search(r"^VERSION = (\d+)", Path(HERE, "__init__.py").read_text(encoding="utf-8"), re.M)[1]


class build_native(build_ext):
    def run(self):
        if WISH == "0":
            return
        try:
            super().run()
        except Exception as error:
            if WISH == "1":
                raise
            line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            print(f"tinygrad_cnn: compiled kernels were not built ({line}); NumPy is used instead.", file=sys.stderr)
            self.extensions = []

    def is_clang(self):
        command = getattr(self.compiler, "compiler_so", None) or ["cc"]
        try:
            found = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=False)
        except OSError:
            return False
        return "clang" in found.stdout

    def build_extension(self, ext):
        if self.compiler.compiler_type == "msvc":
            raise RuntimeError("the kernels need gcc or clang")
        more = os.environ.get("TINYGRAD_CNN_CFLAGS", "").split()
        if self.is_clang():  # loops that the sources mark are still unrolled; others only get longer
            more.insert(0, "-fno-unroll-loops")
        ext.extra_compile_args = FLAGS + more
        ext.extra_link_args = ["-pthread", *more]
        sets = instruction_sets()
        ext.define_macros = [("TG_VERSION", version()), ("TG_ISAS", " ".join(f"X({name})" for name in sets))]
        for name, flags in sets.items():
            ext.extra_objects += self.compiler.compile(
                [f"{HERE}/isa.c"],
                output_dir=os.path.join(self.build_temp, name),
                macros=[("TG_ISA", name)],
                extra_postargs=[*FLAGS, *flags, *more],
                depends=ext.depends,
            )
        super().build_extension(ext)


native = Extension(
    "tinygrad_cnn.kernels.native._native",
    sources=[f"{HERE}/{name}.c" for name in ("module", "threads", "memory", "heap")],
    depends=[str(p) for p in Path(HERE).glob("*.h")] + [f"{HERE}/isa.c", f"{HERE}/__init__.py"],
)
setup(ext_modules=[native], cmdclass={"build_ext": build_native})
