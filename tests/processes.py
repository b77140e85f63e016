"""Python processes that start fast: forks of one that has imported what dguide needs, but nothing of dguide.

Starting Python and importing torch and scikit-learn takes longer than most commands. What a process imports of dguide,
reads of its environment and writes to its streams is its own, as if Python had started it. How Python itself ends, and
what it is before the first import, needs `subprocess`.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_NEEDED = "torch pydantic typer safetensors.torch sklearn.linear_model matplotlib.pyplot accelerate"
_CONTEXT.set_forkserver_preload(_NEEDED.split())


def python(
    *arguments: object,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit: int | None = None,
    strict: bool = False,
    timeout: float = 300,
) -> subprocess.CompletedProcess[bytes]:
    """What `python -m MODULE ...`, `python -c CODE ...` or `python SCRIPT ...` leaves.

    Args:
        arguments: Those of Python.
        env: The environment; by default that of this process.
        cwd: The working directory; by default that of this process.
        limit: Bytes that a file may have, as on a disk that is nearly full; those of its streams too.
        strict: Whether a `UserWarning` is an error.
        timeout: Seconds after which the process is ended.
    """
    words = [str(each) for each in arguments]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        child = start(*words, out=out, err=err, env=env, cwd=cwd, limit=limit, strict=strict)
        child.join(timeout)
        if child.exitcode is None:
            child.kill()
            child.join()
            raise subprocess.TimeoutExpired(words, timeout)
        return subprocess.CompletedProcess(words, child.exitcode, out.read_bytes(), err.read_bytes())


def start(
    *arguments: object,
    out: Path,
    err: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit: int | None = None,
    strict: bool = False,
) -> ForkServerProcess:
    """The same process while it runs; its streams go to files."""
    words, place = [str(each) for each in arguments], str(cwd or Path.cwd())
    child = _CONTEXT.Process(target=_run, args=(words, dict(env or os.environ), place, limit, strict, out, err))
    child.start()
    return child


def _run(
    words: list[str], env: dict[str, str], cwd: str, limit: int | None, strict: bool, out: Path, err: Path
) -> None:
    """The process itself."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background ignores
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # which is looked for once
    os.chdir(cwd)
    encoding = env.get("PYTHONIOENCODING", "utf-8")
    for path, number, name, errors in ((out, 1, "stdout", "strict"), (err, 2, "stderr", "backslashreplace")):
        with path.open("wb") as file:
            os.dup2(file.fileno(), number)
        setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), encoding, errors))
    if strict:
        warnings.simplefilter("error", UserWarning)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    start, *rest = words
    if start == "-c":
        code, *rest = rest
        sys.argv = ["-c", *rest]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    elif start == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(start).parent))
        runpy.run_path(start, run_name="__main__")
