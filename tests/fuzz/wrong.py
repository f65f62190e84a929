"""Wrong calls of every public callable, and what may come of them.

    python -m tests.fuzz.wrong --calls 20000          # prints what was found, and exits 1 if anything was
    python -m tests.fuzz.wrong --only 4711            # that call again, with its traceback

A call is made from right arguments: one or two of them are replaced by values that nobody expects, left out, added or
misspelt.  It may end in a result, or in an error of an expected kind that names the callable.  Call number k is the
same in every run, whatever other calls there are, so that it can be looked at alone.
"""

import argparse
import contextlib
import io
import os
import random
import re
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tests.fuzz.subjects import FIXED, public, subjects

MEMORY = 3 << 30  # bytes of address space beyond what importing takes
EXPECTED = (TypeError, ValueError, IndexError, KeyError, OSError, MemoryError, NotImplementedError, tg.GraphError)


class Odd:
    """An object that is nothing that anybody expects."""

    def __repr__(self):
        return "<odd>"


def read_only(array):
    array.flags.writeable = False
    return array


WRONG = """
None | True | "abc" | "" | b"x" | -1 | 0 | 3 | -2.5 | 2**62 | -(2**63) | 10**400 | 1e400 | float("nan") | 1j
np.int8(-3) | np.float64(0.5) | () | [] | {} | {"a": 1} | {1} | [[1], [1, 2]] | (None,) | ("ab", "cd") | (2**40, 2**40)
(-1, -1) | (0, 0) | (1, 2, 3, 4, 5) | [float("nan")] | range(3) | np.array(1.5) | np.zeros(0) | np.zeros((0, 3))
np.zeros((2, 0, 2)) | np.ones((2, 3), np.float32) | np.ones(7) | np.ones((1,) * 6) | np.arange(6).reshape(2, 3)
np.array([True, False]) | np.array([None, "a"], object) | np.array(["a", "b"]) | np.ones((2, 3), ">f8")
np.ones((2, 3), np.float16) | read_only(np.ones((2, 3))) | np.ones(3, complex) | np.array(["2020"], "M8[D]")
np.zeros(2, [("a", "i4")]) | np.full((2, 3), 255, np.uint8) | np.full((2, 3), np.nan) | tg.Tensor([1.0, 2.0])
tg.Tensor(2.0) | tg.Tensor(np.ones((2, 3)), requires_grad=True) | len | int | np.float64 | lambda *a, **k: None
(k for k in (1, 2)) | np.random.default_rng(0) | tg.relu | tg.nn.ReLU | tg.nn.ReLU() | Odd() | ... | Path() | "no/where"
"\\0" | "i4" | slice(None, None, 0)
"""
WRONG = [word.strip() for word in re.split(r" \| |\n", WRONG) if word.strip()]
NAMES = {"np": np, "tg": tg, "Path": Path, "Odd": Odd, "read_only": read_only}
ENDLESS = {  # too large a number is right, and takes for ever
    "epochs",
    "orders",
    "steps",
    "iterations",
    "max_iter",
    "count",
    "ns_steps",
    "history_size",
    "smooth",
    "bins",
    "max_eval",
}
LARGE = {"2**62", "10**400", "(2**40, 2**40)"}


def misspelt(name, rng):
    k = rng.randrange(len(name) or 1)
    return name[:k] + rng.choice("xyz") + name[k + 1 :]


def wrong_call(k, seed, folder, found):
    """Call number k: the subject, the callable, its arguments, and how that is written."""
    rng = random.Random(f"{seed}:{k}")
    subject = found[k % len(found)]
    fn, args, named = subject.make(folder)
    told = []
    fixed = ".__" in subject.name
    for _ in range(rng.choice((1, 1, 1, 2))):
        places = [*range(len(args)), *[name for name in named if name not in FIXED]]
        how = rng.random()
        if fixed:  # Python calls an operator with as many arguments as it has
            how = 1.0
        if how < 0.06 and named:
            old = rng.choice(sorted(named))
            named[misspelt(old, rng)] = named.pop(old)
            told.append(f"{old} misspelt")
        elif how < 0.12 and places:
            place = rng.choice(places)
            told.append(f"without {place}")
            (args if isinstance(place, int) else named).pop(place)
        elif how < 0.2 or (not places and not fixed):
            word = rng.choice(WRONG)
            args.append(eval(word, NAMES))
            told.append(f"one more: {word}")
        elif places:
            place = rng.choice(places)
            word = rng.choice([word for word in WRONG if place not in ENDLESS or word not in LARGE])
            if isinstance(place, int):
                args[place] = eval(word, NAMES)
            else:
                named[place] = eval(word, NAMES)
            told.append(f"{place}={word}")
    return subject, fn, args, named, f"{subject.name}({', '.join(told)})"


def named_in(message, names):
    plain = message.lower().replace("_", "")
    return any(name.lower().replace("_", "") in plain for name in names)


def is_worded(error, subject, known):
    """Whether an error or a warning names the callable; of a layer that was called, one of the ops or layers in it."""
    message = str(error)
    if subject.name.endswith("()") or subject.name.startswith("insight.check"):
        head = re.match(r"\w+", message)
        return head is not None and head[0] in known
    return named_in(message, subject.also)


def finding(subject, fn, args, named, known):
    """What is wrong with how a call ended and the error, or None."""
    with warnings.catch_warnings(record=True) as warned, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            fn(*args, **named)
        except Exception as error:
            if isinstance(error, EXPECTED) and is_worded(error, subject, known):
                return None
            if str(error) and type(error).__module__.startswith("tinygrad_cnn"):  # as of a file of no known format
                return None
            paths = [v for v in (*args, *named.values()) if isinstance(v, (str, bytes, Path))]
            paths = [str(p) for v in paths for p in (v, Path(os.fsdecode(v)).absolute())]
            if isinstance(error, OSError) and (error.filename is not None or str(error).startswith(tuple(paths))):
                return None  # it names the file
            return f"{type(error).__name__}: {str(error)[:200]}", error
    for warning in warned:
        if warning.category.__name__ == "ComplexWarning":  # what becomes of complex numbers is a matter of dtypes
            continue
        if not is_worded(warning.message, subject, known) and "never awaited" not in str(warning.message):
            return f"{warning.category.__name__}: {warning.message}"[:200], None
    return None


def limit_memory():
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def no_network(*_, **__):
    raise AssertionError("a wrong call reached for the network")


def run(numbers, seed, show=False):
    """Make these calls, in an empty folder, and return what was found: [(number, call, what)]."""
    import socket

    socket.socket.connect = no_network
    found, all_subjects = [], subjects()
    known = {*tg.registry, *(name.partition(".")[2] for name in public())}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["TINYGRAD_CNN_CACHE"] = folder
        limit_memory()
        progress = open(Path(folder, "at"), "w") if show else None  # noqa: SIM115
        for k in numbers:
            subject, fn, args, named, told = wrong_call(k, seed, Path(folder), all_subjects)
            if os.environ.get("FUZZ_TRACE"):
                print(k, told, file=sys.__stderr__, flush=True)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                what = finding(subject, fn, args, named, known)
            if what is not None:
                found.append((k, told, what[0]))
                if show and what[1] is not None:
                    traceback.print_exception(what[1])
            del fn, args, named
        os.chdir("/")
        if progress:
            progress.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=20000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.calls) if options.only is None else [options.only]
    found = run(numbers, options.seed, show=options.only is not None)
    for k, told, what in found:
        print(f"{k:6}  {told}\n        {what}")
    kinds = Counter(told.partition("(")[0] for _, told, _ in found)
    print(f"{len(numbers)} wrong calls: {len(found)} findings", dict(kinds.most_common(400)) if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
