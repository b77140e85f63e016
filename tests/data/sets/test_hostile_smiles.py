"""SMILES strings that take RDKit long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dguide.data import load
from dguide.data.bounded import refused
from dguide.data.sets import molecules
from dguide.data.sets.molecules import MOST_CHARACTERS, parse, unparsed


def bipartite(size: int) -> str:
    """Atoms in two groups, each bound to all of the other group: the number of rings grows fast."""
    first = "".join("[U]" + "".join(f"%({100 + size * i + j})" for j in range(size)) + "." for i in range(size))
    return first + ".".join("[U]" + "".join(f"%({100 + size * i + j})" for i in range(size)) for j in range(size))


def test_long_strings_are_listed_and_not_parsed(tmp_path: Path) -> None:
    long, most = bipartite(20), "C" * MOST_CHARACTERS
    assert len(long) > MOST_CHARACTERS
    short = ["CO", "OC", "CC", "OO", "CCO", "OCC", "COC", "CCC"]
    path = tmp_path / "x.csv"
    path.write_text("text,kind\n" + "".join(f"{x},{n % 2}\n" for n, x in enumerate([*short, most, long])))
    began = time.monotonic()
    skipped = load(f"csv:{path},label=kind,split=smiles").skipped
    assert time.monotonic() - began < 60  # it takes RDKit minutes
    assert [each.why for each in skipped] == [f"{len(long):,} characters, and RDKit is given at most 1,000"]
    assert [molecule is None for molecule in parse([long, "CO"])] == [True, False]


def test_one_string_that_takes_long_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(molecules, "MOST_CHARACTERS", 10**6)
    monkeypatch.setattr(molecules, "refused", lambda *asked: refused(*asked, seconds=3))
    assert unparsed(["CO", bipartite(20), "C1CC", "", "C O", "CC"]) == [
        "",
        "it takes more than 3 seconds",
        "RDKit rejects 'C1CC'",
        "RDKit rejects ''",
        "RDKit rejects 'C O'",
        "",
    ]
