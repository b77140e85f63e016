"""The report of a plain pilot: that of its comparison, with an answer to the question of the pilot."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ...train.cost import FEW as FEW_STEPS
from ..compare import as_report
from ..compare.words import figure_name
from ..report import Report, Section, Text, words
from .run import Found
from .words import WORDS

__all__ = ["report"]

Say = Callable[..., str]
_WIDE = 200
"""Test examples with fewer of which a reader is warned."""


def report(found: Found, made: Mapping[str, str]) -> Report:
    """The report.

    Args:
        found: What was found.
        made: How it was made, by a key of `WORDS`, such as the command.
    """
    study, compared = found.study, found.compared
    say, base = words(WORDS, study.language), as_report(compared, study.language)
    figure, winner = figure_name(compared.main, study.language), compared.winner
    verdict = "not-yet" if _short(found) else base.answer.verdict
    headline = say(verdict, setting="" if winner is None else winner.setting, figure=figure)
    if _short(found):
        headline = say("short", steps=f"{found.config.steps:,}")
    about = {"folder": str(found.model), "training": found.config.command} | dict(made)
    return replace(
        base,
        title=study.title or say("title", data=study.called),
        question=say("question", data=study.called, figure=figure),
        answer=replace(base.answer, verdict=verdict, headline=headline),
        steps=tuple(_steps(found, verdict, say)),
        evidence=(*base.evidence, _how(found, say)),
        settings={say(key): value for key, value in about.items()} | dict(base.settings),
        notes=(*base.notes, *_notes(found, say)),
    )


def _steps(found: Found, verdict: str, say: Say) -> Iterator[str]:
    if _short(found):
        yield say("step_short", least=FEW_STEPS)
    elif verdict == "go":
        yield say("step_use", command=_command(found))
        yield say("step_look")
    else:
        yield say("step_keep", command=_command(found))
        yield say("step_more" if verdict == "not-yet" else "step_longer")
    if found.study.whole.codec.size is not None:
        yield say("step_rare", data=shlex.quote(found.study.data))


def _short(found: Found) -> bool:
    """Whether the model has learnt so little that its samples say nothing about guidance."""
    return found.config.steps < FEW_STEPS


def _command(found: Found) -> str:
    """The command line that samples with the best setting that is shown to be better, or with the first one."""
    compared = found.compared
    name = compared.baseline if compared.winner is None else compared.winner.setting
    written = compared.settings[name].written
    options = (word for part in ("guidance", "weight", "sampler") for word in (f"--{part}", str(written[part])))
    return shlex.join(["dguide", "sample", str(found.model), *options, "--out", "samples.npz"])


def _how(found: Found, say: Say) -> Section:
    data, config = found.study.whole, found.config
    sizes = {name: f"{len(getattr(data, name)):,}" for name in ("train", "validation", "test")}
    text = say("how_text", **sizes, steps=f"{config.steps:,}", bits=f"{config.bits:.3f}")
    return Section(say("how"), (Text(text),))


def _notes(found: Found, say: Say) -> Iterator[str]:
    data = found.study.whole
    yield say("one_model")
    if len(data.test) < _WIDE:
        yield say("few", count=len(data.test))
    if data.synthetic:
        yield say("synthetic")
    if data.licence:
        yield say("licence", licence=data.licence)
