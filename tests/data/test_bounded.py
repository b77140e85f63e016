"""Libraries that may abort, or never end, run in a process of their own."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from dguide.data.bounded import refused

CODE = """
import os
def check(text):
    if text == "abort":
        os.abort()
    if text == "loop":
        while True:
            pass
    if text == "panic":
        raise type("PanicException", (BaseException,), {})("index out of bounds")
    if text == "memory":
        return str(len(bytearray(2**34)))
    return "" if text == "fine" else f"no such word: {text}"
"""


def test_each_text_gets_its_answer_whatever_others_do() -> None:
    began = time.monotonic()
    answers = refused(CODE, ["fine", "abort", "é\n傷", "loop", "panic", "memory", "fine"], seconds=3)
    assert answers == [
        "",
        "it ends the process that reads it",
        "no such word: é\n傷",
        "it takes more than 3 seconds",
        "index out of bounds",
        "MemoryError",
        "",
    ]
    assert time.monotonic() - began < 60
    assert refused(CODE, []) == []


def test_the_standard_input_can_be_the_main_module() -> None:
    program = f"from dguide.data.bounded import refused\nprint(refused({CODE!r}, ['fine', 'x']))\n"
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, check=True)
    assert done.stdout == "['', 'no such word: x']\n"


def test_a_process_that_cannot_begin_blames_no_text() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        refused("1 / 0", ["fine"])
