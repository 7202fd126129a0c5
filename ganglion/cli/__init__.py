"""The command line: ``ganglion VERB``, and ``python -m ganglion VERB``.

Exit status: 0 success, 1 a check failed, 2 bad usage or input, or a tool that failed (a message on stderr), 130 after
Ctrl-C, 143 after SIGTERM. With ``--json`` standard output holds one JSON object and nothing else.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["main"]

INTERRUPTED, TERMINATED = 130, 143


class _Terminated(BaseException):
    """SIGTERM: whatever is half done is undone on the way out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line ``arguments`` (those of the process when None); returns the exit status."""
    if sys.stderr is None:
        # Closed by the caller. print() would take standard output instead.
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for the rest of the process
    if sys.stdout is None:
        print("ganglion: standard output is closed", file=sys.stderr)
        return 2
    # What an interrupted or failed elaboration leaves behind complains when it is deleted.
    warnings.filterwarnings("ignore", message=".* created but never used")
    handled = (
        signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and threading.current_thread() is threading.main_thread()
    )
    if handled:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        with suppress(OSError):
            print("ganglion: interrupted", file=sys.stderr, flush=True)
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    finally:
        if handled:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(_number: int, _frame: object) -> None:
    raise _Terminated


def _run(arguments: Sequence[str] | None) -> int:
    from ganglion.cli.app import CheckFailed, app
    from ganglion.cli.output import error_types, show_error

    try:
        try:
            # Everything the command line library reports itself, usage errors and --help included, ends in SystemExit.
            app(args=None if arguments is None else list(arguments), prog_name="ganglion")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 2
            if status == INTERRUPTED:
                raise KeyboardInterrupt from end
            sys.stdout.flush()
            return status
        sys.stdout.flush()
        return 0
    except CheckFailed as failure:
        if str(failure):
            show_error(str(failure))
        return 1
    except BrokenPipeError:
        # Whoever read the output has gone; keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except error_types() as problem:
        show_error(_text(problem))
        return 2


def _text(problem: BaseException) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        names = [str(name) for name in (problem.filename, problem.filename2) if name is not None]
        return ": ".join([*names, problem.strerror])
    return str(problem) or type(problem).__name__
