"""A small exact problem to compare settings on, whose samples take no time."""

from __future__ import annotations

import torch

import dguide
from dguide.exact import Problem
from dguide.pilot.compare import Judge, PerSample, Question
from dguide.study import DenoiserSource, Study, grid

LAW = torch.tensor([[0.45, 0.05], [0.15, 0.35]])
PROBLEM = Problem(dguide.Masked(2), LAW, torch.full((2, 2), 0.25))
EQUAL = PerSample("equal tokens", lambda tokens, condition: tokens[:, 0] == tokens[:, 1])
ONES = PerSample("ones", lambda tokens, condition: tokens.double().sum(1), better="")
SETTINGS = grid(weights=(0, 2, 2.0001), samplers=("ancestral:steps=2",))


def question(settings=SETTINGS, metrics=(EQUAL, ONES), count=300, seeds=(0, 1), **options) -> Question:
    source = DenoiserSource(PROBLEM.oracle(), PROBLEM.process, length=2, name="toy")
    study = Study(source, tuple(settings), tuple(seeds), count, torch.zeros(1, dtype=torch.int64))
    return Question(study, Judge.of(None, metrics), **options)
