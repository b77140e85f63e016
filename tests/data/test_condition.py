from __future__ import annotations

import json
import math

import pytest
import torch

from dguide.data import CONDITIONS, Above, Attribute, Dataset, Label, Split, Strings, Value
from dguide.data.condition import quantile

LABELS = torch.tensor([1, 0, 2])
PROPERTIES = {"mass": torch.tensor([1.0, 3.0, math.nan], dtype=torch.float64)}
KINDS = [Label(("cat", "dog", "犬"), "animal"), Above("mass", 2.0), Value("mass", 2.0, 0.5)]


@pytest.mark.parametrize("value", KINDS, ids=str)
def test_a_condition_survives_the_way_through_json(value: Attribute) -> None:
    assert CONDITIONS.restore(json.loads(json.dumps(CONDITIONS.describe(value)))) == value


def test_what_each_kind_tells() -> None:
    label, above, number = (kind.of(LABELS, PROPERTIES) for kind in KINDS)
    assert label.tolist() == [1, 0, 2]
    assert above.tolist() == [0, 1, 0]
    assert number[:2].tolist() == [-2, 2]
    assert number.isnan().tolist() == [False, False, True]
    assert Above("mass", 3.0).of(LABELS, PROPERTIES).tolist() == [0, 0, 0]  # at the threshold is not above


def test_what_is_not_told() -> None:
    assert [kind.not_given.item() for kind in KINDS[:2]] == [3, 2]
    assert KINDS[2].not_given.isnan().all()


def test_values_from_text() -> None:
    assert KINDS[0].read("all").tolist() == [0, 1, 2]
    assert KINDS[0].read("dog, 0,犬").tolist() == [1, 0, 2]
    assert KINDS[1].read("mass > 2").tolist() == [1]
    assert KINDS[2].read("2,3.5").tolist() == [0, 3]


@pytest.mark.parametrize("text", ["3", "-1", "bird", "", "1.5", "0,,1"])
def test_classes_that_are_none_are_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"labels of animal: got .*expected labels from 0 to 2.*cat, dog"):
        KINDS[0].read(text)


def test_names_with_commas_are_found_whole() -> None:
    label = Label(("x", "x,y", "1,2-diol, dry", "y"))
    assert label.read("x,y").tolist() == [1]
    assert label.read("y, x , 1,2-diol, dry,x,y,0").tolist() == [3, 0, 2, 1, 0]
    with pytest.raises(ValueError, match=r"\['2-diol'\]"):
        label.read("1,2-diol")


def test_numbers_that_are_names_are_no_positions() -> None:
    rings = Label(("1", "10", "2"), "rings")
    assert rings.read("2,1,10").tolist() == [2, 0, 1]
    assert Label(("-1", "1")).read("1,-1").tolist() == [1, 0]
    padded = Label(tuple(f"{n:02d}" for n in range(12)))
    assert padded.read("3,11,04").tolist() == [3, 11, 4]
    for kind in (rings, Label(("1", "2", "many"))):
        with pytest.raises(ValueError, match=r"labels of .*\['0'\].*expected names\. Names: 1, "):
            kind.read("0,1")


def test_names_are_found_however_their_accents_are_written() -> None:
    composed, parts = "M\u00e4rz", "Ma\u0308rz"
    assert Label((parts, "April")) == Label((composed, "April"))
    for name in (composed, parts):
        assert Label((parts, "April")).read(name).tolist() == [0]


def test_text_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"values of mass.*'heavy'.*numbers"):
        KINDS[2].read("heavy")
    with pytest.raises(ValueError, match="positive scale"):
        Value("mass", 0.0, 0.0)


def test_quantile_is_that_of_numpy() -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0, 5.0], 90) == pytest.approx(4.6)
    for share in (0, 100, -1):
        with pytest.raises(ValueError, match="between 0 and 100"):
            quantile([1.0], share)
    with pytest.raises(ValueError, match="0 values"):
        quantile([], 50)


def test_a_data_set_tells_one_condition_as_a_tensor_and_several_by_name() -> None:
    split = Split(torch.zeros(3, 4, dtype=torch.int64), LABELS, PROPERTIES)
    words = Strings(("<begin>", "<end>", "<pad>"), 4)
    one = Dataset("one", split, split, split, words, (KINDS[0],))
    assert one.sizes == 3
    assert one.condition(split) is split.labels
    both = Dataset("both", split, split, split, words, (KINDS[0], KINDS[2]))
    assert both.sizes == {"animal": 3, "mass": 0}
    told = both.condition(split)
    assert isinstance(told, dict)
    assert list(told) == ["animal", "mass"]
    assert Dataset("number", split, split, split, words, (KINDS[2],)).sizes == {"mass": 0}
    assert split.take(torch.tensor([2])).labels.tolist() == [2]
    assert split.take(torch.tensor([1])).properties["mass"].tolist() == [3]
