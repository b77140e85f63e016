"""A worker process: it does one task after the other, and ends when the process that started it ends."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from typing import IO

from .attempt import Imports, Outcome, attempt, outcome_of

__all__ = ["Worker", "serve"]

_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1])['path']; from dguide.study.worker import serve; serve()"
)
_LENGTH = 8
"""Bytes of the length that stands before each message."""


class Worker:
    """The starter's side: a process that is given one task at a time.

    Args:
        said: Gets (this worker, outcome) for each task, and (this worker, None) when the process ends.
    """

    def __init__(self, said: queue.SimpleQueue[tuple[Worker, Outcome | None]]) -> None:
        command = [sys.executable, "-c", _START, json.dumps(vars(Imports.here()))]
        # A session of its own, so that Ctrl-C in a terminal reaches the starter only, which then ends the workers.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=os.name == "posix"
        )
        threading.Thread(target=self._listen, args=(said,), daemon=True).start()

    @property
    def ended(self) -> str:
        """How the process ended, in words."""
        status = self._process.wait()
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    def give(self, content: bytes) -> None:
        """Sends a task from `packed`. If the process has ended, `said` tells so."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            _send(self._process.stdin, content)

    def kill(self) -> None:
        """Ends the process now."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):  # part of a message may be waiting
                stream.close()

    def _listen(self, said: queue.SimpleQueue[tuple[Worker, Outcome | None]]) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError, OSError):  # `kill` closes the stream
            while (content := _receive(self._process.stdout)) is not None:
                said.put((self, outcome_of(content)))
        said.put((self, None))


def serve() -> None:
    """The worker's side: does the tasks that come through standard input, and answers through standard output."""
    imports, answers = Imports(**json.loads(sys.argv[1])), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a task prints is no answer
    contents: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_take, args=(sys.stdin.buffer, contents), daemon=True).start()
    while True:
        _send(answers, attempt(contents.get(), imports))


def _take(stream: IO[bytes], contents: queue.SimpleQueue[bytes]) -> None:
    """Receives tasks while another one runs, and so learns at once that the starter is gone."""
    while (content := _receive(stream)) is not None:
        contents.put(content)
    os._exit(1)


def _send(stream: IO[bytes], content: bytes) -> None:
    stream.write(len(content).to_bytes(_LENGTH, "little") + content)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end of the stream."""
    head = stream.read(_LENGTH)
    size = int.from_bytes(head, "little")
    content = stream.read(size) if len(head) == _LENGTH else b""
    return content if len(head) == _LENGTH and len(content) == size else None
