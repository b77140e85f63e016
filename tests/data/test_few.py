"""A data set with few examples of one class."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dguide.data import LOADERS, few, load
from dguide.train import TrainConfig


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def rows(split):
    return {tuple(row) for row in split.tokens.tolist()}


def test_only_the_rare_class_of_the_training_part_changes(digits):
    small = few(digits, "8", 20)
    assert (small.train.labels == 8).sum() == 20
    others = digits.train.take(digits.train.labels != 8)
    assert torch.equal(small.train.take(small.train.labels != 8).tokens, others.tokens)
    assert small.validation is digits.validation
    assert small.test is digits.test


def test_the_choice_is_nested_and_by_seed(digits):
    chosen = {(real, seed): rows(few(digits, "8", real, seed).train) for real in (5, 20) for seed in (0, 1)}
    assert chosen[5, 0] < chosen[20, 0]
    assert chosen[5, 1] < chosen[20, 1]
    assert chosen[20, 0] != chosen[20, 1]


@pytest.mark.parametrize("name", ["crack, deep", "a=1", "(open", "<script>", "8"])
def test_a_class_of_any_name_loads_again(monkeypatch, name):
    """A comma or a parenthesis in the name of a class divides no options, and a name that is a number is a name."""
    whole = load("wafer:count=200,size=8")
    names = (name, *whole.class_names[1:])
    named = replace(whole, conditions=(replace(whole.conditions[0], names=names), *whole.conditions[1:]))
    monkeypatch.setitem(LOADERS, "renamed", lambda: named)
    small = few(replace(named, name="renamed"), name, 2)
    assert load(small.name).digest == small.digest


def test_its_name_loads_it_again(digits, tmp_path):
    small = few(digits, "8", 20, 3)
    assert load(small.name).digest == small.digest
    assert TrainConfig(out=tmp_path, data=small.name, steps=1).data == small.name


def test_options_of_the_data_stand_in_parentheses():
    data = load("few:(wafer:count=90,seed=1),rare=Donut,real=4")
    assert (data.train.labels == data.class_names.index("Donut")).sum() == 4
    assert data.synthetic


@pytest.mark.parametrize(
    ("rare", "real", "words"),
    [
        ("88", 5, "unknown class of digits: got .88., expected one of 0"),
        ("1,2", 5, "class of digits"),
        ("8", 0, "from 1 to 121"),
        ("8", 122, "to 121"),
    ],
)
def test_what_there_is_not_is_refused(digits, rare, real, words):
    with pytest.raises(ValueError, match=words):
        few(digits, rare, real)


def test_a_class_that_nothing_can_judge_is_refused(digits):
    from dataclasses import replace

    without = digits.test.take((digits.test.labels != 8).nonzero().squeeze(-1))
    with pytest.raises(ValueError, match="test part of digits: got no example of 8") as raised:
        few(replace(digits, test=without), "8", 1000)
    assert "from 1 to 121" in str(raised.value)  # both mistakes at once
