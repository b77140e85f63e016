"""A check says if its test pictures may be among those that the tokenizer learnt."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from made import source

from dguide.data import Source
from dguide.errors import InputError
from dguide.evaluate.reconstructions import origin
from dguide.evaluate.reconstructions.check import check
from dguide.tokenizers import About, Autoencoder, LearntTokenizer

MADE = source((40, 20, 30), classes=1)
OTHER = replace(MADE, name="other", digest="2" * 64)
CASES: dict[str, tuple[str, Source | None, str]] = {
    "the same data": (MADE.digest, None, ""),
    "nothing is told": ("", None, ""),
    "another split": (
        OTHER.digest,
        replace(OTHER, train=MADE.test, test=MADE.train),
        "**12 of 12 test pictures are among those that the tokenizer learnt** (other)",
    ),
    "a part of them": (
        OTHER.digest,
        replace(OTHER, train=MADE.train, validation=MADE.test.take(MADE.labels[2] < 0)),
        "Not the data it learnt: other. None of the 12 test pictures is among its training and validation pictures.",
    ),
    "other pictures today": ("3" * 64, OTHER, "Not the data it learnt: other, which has other content now"),
    "gone": ("3" * 64, None, "Not the data it learnt: other, which cannot be read here"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_report_says_if_the_tokenizer_learnt_other_data(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, today, words = CASES[case]

    def pictures(name: str) -> Source:
        assert name == "other"
        if today is None:
            raise InputError("no such folder")
        return today

    monkeypatch.setattr(origin, "pictures", pictures)
    tokenizer = LearntTokenizer(Autoencoder(1, (8, 5), 4, 8), 32, 32, About(data="other", data_digest=digest))
    report = check(tokenizer, MADE, limit=12, repetitions=2)
    assert report.note.startswith(words)
    assert bool(report.note) == bool(words)
    assert report.as_markdown().startswith(report.note or report.verdict[0])
    assert json.loads(report.as_json())["note"] == report.note
