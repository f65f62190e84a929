"""The command line.  Its library, click, is imported only when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .words import plain

DEBUG = "TINYGRAD_CNN_DEBUG"


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run ``tinygrad-cnn`` with `args` (default: those of the process) and exit.

    Mistakes of the user become one line on stderr and exit code 1 (2 for a wrong command line), Ctrl-C gives 130;
    with TINYGRAD_CNN_DEBUG=1 in the environment the traceback is shown.
    """
    try:
        import click
    except ImportError:
        _fail("the command line needs click. Install it: pip install 'tinygrad-cnn[app]'")
    from .commands import app

    try:
        code = app.main(args=None if args is None else list(args), prog_name="tinygrad-cnn", standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code, error)
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped by Ctrl-C.", 130)
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from ..train.recipes import RecipeError

        _fail(str(error) or type(error).__name__, 2 if isinstance(error, RecipeError) else 1, error)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int = 1, error: BaseException | None = None) -> NoReturn:
    if error is not None and os.environ.get(DEBUG, "0") not in ("", "0"):
        raise error
    if sys.stderr is not None:  # closed, as by 2>&-; print would take standard output instead
        print(f"tinygrad-cnn: {plain(message)}", file=sys.stderr)
    sys.exit(code)
