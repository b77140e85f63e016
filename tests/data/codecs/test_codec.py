from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dguide.data import CODECS, Codec, Pixels, Strings
from dguide.data.codecs.strings import split_smiles

SMILES = Strings.of(["CC(=O)[NH3+]", "ClCBr", "C%12CC%12"], "smiles")


@pytest.mark.parametrize("value", [Pixels.grey(2, 3, 4), Pixels(1, 2, ("#ffffff", "#0a0b0c")), SMILES], ids=str)
def test_a_codec_survives_the_way_through_json(value: Codec) -> None:
    assert CODECS.restore(json.loads(json.dumps(CODECS.describe(value)))) == value


def test_greys_are_equidistant_from_black_to_white() -> None:
    grey = Pixels.grey(1, 4, 4)
    assert grey.palette == ("#000000", "#555555", "#aaaaaa", "#ffffff")
    assert grey.is_grey
    torch.testing.assert_close(grey.picture(torch.arange(4)), torch.tensor([[0, 1 / 3, 2 / 3, 1]]))


def test_a_palette_shows_its_colours_and_their_brightness() -> None:
    flag = Pixels(1, 3, ("#ff0000", "#00ff00", "#0000ff"))
    assert not flag.is_grey
    tokens = torch.tensor([[0, 1, 2], [2, 2, 2]])
    assert flag.colours(tokens)[0, 0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    torch.testing.assert_close(flag.picture(tokens)[0, 0], torch.tensor([0.299, 0.587, 0.114]))
    assert flag.features(tokens)[1].tolist() == [0, 0, 1] * 3


def test_symbols_of_smiles() -> None:
    assert split_smiles("C[NH3+]ClBrC%12=O") == ["C", "[NH3+]", "Cl", "Br", "C", "%12", "=", "O"]


def test_strings_begin_and_end_and_are_padded() -> None:
    letters = Strings.of(["ab", "cab"])
    assert letters.words == ("<begin>", "<end>", "<pad>", "a", "b", "c")
    assert letters.width == 5
    assert letters.encode("ab") == [0, 3, 4, 1, 2]
    assert letters.decode(torch.tensor([[0, 3, 4, 1, 2]])) == ["ab"]


@given(st.lists(st.text("ab<>é漢\n\t ", max_size=12), min_size=1, max_size=5))
def test_what_is_encoded_is_decoded(texts: list[str]) -> None:
    alphabet = Strings.of(texts)
    assert alphabet.decode(torch.tensor([alphabet.encode(text) for text in texts])) == texts


def test_what_is_no_string_shows_as_what_it_is() -> None:
    letters = Strings.of(["abc"])
    rows = [[0, 3, 2, 4, 1], [3, 4, 1, 2, 2], [0, 3, 4, 5, 3], [0, 3, 0, 4, 1]]
    assert letters.decode(torch.tensor(rows)) == ["a<pad>b", "ab", "abca", "a<begin>b"]


@pytest.mark.parametrize(
    ("text", "message"), [("abd", r"'d'.*a b c"), ("abca", r"4 words.*at most 3"), ("a<pad>", r"at most 3")]
)
def test_strings_that_do_not_fit_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Strings.of(["abc"]).encode(text)


def test_tokens_of_another_alphabet_or_length_are_refused() -> None:
    with pytest.raises(ValueError, match="values from 0 to 4, expected values from 0 to 3"):
        Pixels.grey(1, 2, 4).check(torch.tensor([[0, 4]]))
    with pytest.raises(ValueError, match="last dimension of 2"):
        Pixels.grey(1, 2, 4).check(torch.tensor([[0, 1, 2]]))


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"kind": "pixel"}, "pixels, strings"),
        ({"kind": "pixels", "height": 0, "width": 1, "palette": ["#000000", "#ffffff"]}, "height"),
        ({"kind": "pixels", "height": 1, "width": 1, "palette": ["black", "#ffffff"]}, "black"),
        ({"kind": "pixels", "height": 1, "width": 1, "palette": ["#ffffff"]}, "two colours"),
        ({"kind": "pixels", "colour": 1}, "unknown option of codec pixels: got 'colour'"),
        ({"kind": "strings", "words": ["a", "b"], "width": 4}, "<begin>"),
        ({"kind": "strings", "words": ["<begin>", "<end>", "<pad>", "a", "a"], "width": 4}, "each once"),
        (
            {"kind": "strings", "words": ["<begin>", "<end>", "<pad>"], "width": 4, "split": "word"},
            "characters, smiles",
        ),
        ({"kind": "strings", "words": ["<begin>", "<end>", "<pad>"], "width": 1}, "at least 2"),
    ],
)
def test_descriptions_of_no_codec_are_refused(description: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CODECS.restore(description)
