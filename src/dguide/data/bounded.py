"""Runs a library that may end the process, or never end, in a process of its own with limits on time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

__all__ = ["MEMORY", "SECONDS", "refused"]

SECONDS = 30.0
"""Longest time for one text."""
MEMORY = 2**32
"""Largest address space of the process, in bytes, where the system can limit it."""

# A text of Python and not a module: to import a module of dguide would import PyTorch, which takes seconds. It does not
# need the main module either, which a notebook or the standard input does not have.
_CHILD = """
import faulthandler, json, sys, time
path, seconds, memory, code = json.loads(sys.stdin.readline())
sys.path[:] = path
try:
    import resource
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (memory if most < 0 else min(memory, most), most))
except (ImportError, ValueError, OSError):
    pass  # the system has no such limit
out, sys.stdout = sys.stdout, sys.stderr  # what the library prints is no answer
space = {}
exec(code, space)
print("ready", file=out, flush=True)
armed = -seconds
for line in sys.stdin:
    if time.monotonic() - armed > seconds / 10:  # not for each text, since it starts a thread
        armed = time.monotonic()
        faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        why = space["check"](json.loads(line))
    except Exception as error:
        why = str(error)[:200] or type(error).__name__
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of libraries in Rust; no module has this class
            raise
        why = str(error)[:200] or "a panic"
    print(json.dumps(why), file=out, flush=True)
"""


def refused(code: str, texts: Sequence[str], *, seconds: float = SECONDS, memory: int = MEMORY) -> list[str]:
    """Why Python code refuses each of the texts; empty for a text that it accepts.

    The code runs in another process. A text that ends this process, or takes too long or too much memory, is refused,
    and the next process goes on after it.

    Args:
        code: Python code with a function `check(text)`. It returns the reason, or raises an error with it.
        texts: The texts.
        seconds: Longest time for one text.
        memory: Largest address space of the process in bytes.

    Raises:
        RuntimeError: If the process fails before the first text.
    """
    found: list[str] = []
    settings = json.dumps([sys.path, seconds, memory, code])
    # one thread: each has a stack and a heap of its own in the address space
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1", "RUST_BACKTRACE": "0"}
    while len(found) < len(texts):
        lines = "\n".join([settings, *(json.dumps(text) for text in texts[len(found) :]), ""])
        done = subprocess.run(
            [sys.executable, "-c", _CHILD], input=lines, capture_output=True, text=True, env=environment, check=False
        )
        ready, *answers = done.stdout.splitlines() or [""]
        if ready != "ready":
            raise RuntimeError(f"a process of {sys.executable} failed with status {done.returncode}:\n{done.stderr}")
        found += [json.loads(answer) for answer in answers]
        if len(found) < len(texts):
            late = "Timeout (" in done.stderr
            found.append(f"it takes more than {seconds:g} seconds" if late else "it ends the process that reads it")
    return found
