"""Two objects have one digest only if they hold the same, in every process."""

from __future__ import annotations

import pytest
import torch

from dguide.errors import InputError
from dguide.study.content import digest_of_object

SCRIPT = """
from math import exp
from dguide.study.content import digest_of_object

{before}
weight = {weight}
def scaled(values):
    return [exp(weight) * each for each in values]

def denoiser(tokens, time, condition):
    return [each for each in scaled(tokens)]

digest = digest_of_object("denoiser", denoiser)
"""


def made(weight, scale=1.0, *, shift=0.0):
    logits = torch.tensor([weight])

    def denoiser(tokens, time, condition, scale=scale, *, shift=shift):
        return scale * logits + shift

    return denoiser


def test_functions_that_hold_other_objects_are_others():
    functions = [made(1.0), made(2.0), made(1.0, 3.0), made(1.0, shift=1.0), lambda: 1, lambda: 2, made]
    digests = [digest_of_object("denoiser", each) for each in functions]
    assert len(set(digests)) == len(digests)
    assert digest_of_object("denoiser", made(1.0)) == digests[0]
    with_itself = {"function": lambda: with_itself}
    assert digest_of_object("denoiser", with_itself["function"])
    with pytest.raises(InputError, match="name of your own"):
        digest_of_object("denoiser", lambda file=open(__file__): file)  # noqa: SIM115


def test_what_a_function_of_a_script_uses_counts_and_where_its_lines_are_does_not():
    def told(weight, before=""):
        script = {"__name__": "__main__"}
        exec(compile(SCRIPT.format(weight=weight, before=before), "script", "exec"), script)
        return script["digest"]

    first = told(1.0)
    assert told(1.0, before="# a comment, which moves all lines") == first
    assert told(2.0) != first


def test_the_order_of_a_set_does_not_count():
    one, two = {0, 8}, {8, 0}  # 8 falls onto the place of 0, so that their orders differ
    assert list(one) != list(two)
    assert digest_of_object("set", one) == digest_of_object("set", two)
    assert digest_of_object("set", frozenset(one)) != digest_of_object("set", {0, 16})
