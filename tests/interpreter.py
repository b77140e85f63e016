"""Triton's interpreter in a process of its own.

Triton decides when it is imported whether kernels are interpreted, for all of a process: a test session in which some
other test has imported it, or wants it compiled, cannot have that. So a child draws, and test workers talk to it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from typing import Any


class Interpreter:
    """`fast` of `fused` on CPU tensors, run by Triton's interpreter; with a `FlooredRequest` as its
    only argument that of `floored_fused`.
    """

    def __init__(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self.child = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": paths},
        )

    def __call__(self, *arguments: Any) -> Any:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        pickle.dump(arguments, self.child.stdin)
        self.child.stdin.flush()
        well, result = pickle.load(self.child.stdout)
        if not well:
            raise RuntimeError(f"the interpreter failed:\n{result}")
        return result

    def close(self) -> None:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.close()
        self.child.wait(timeout=60)
        self.child.stdout.close()


def serve() -> None:
    """Answer with what `fast` finds, or with what went wrong, until there are no more questions."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anyone prints must not get between the answers

    import numpy as np
    import torch

    from dguide.categorical import DrawRequest, FlooredRequest
    from dguide.categorical.cuda import floored_fused, fused

    torch.set_num_threads(1)
    np.seterr(all="ignore")  # rows that are not served, and empty tiles, pass through inf - inf
    while True:
        try:
            arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if isinstance(arguments[0], FlooredRequest):
                answer = (True, floored_fused.fast(*arguments))
            else:
                answer = (True, fused.fast(DrawRequest(*arguments)))
        except Exception:
            answer = (False, traceback.format_exc())
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    serve()
