from __future__ import annotations

import numpy as np
import pytest

from dguide.evaluate.points.memory import Memory, copies
from tests.evaluate.real import DIGITS

TRAIN, HELD_OUT, VALIDATION = DIGITS.train.tokens, DIGITS.test.tokens, DIGITS.validation.tokens


def memory(tokens) -> Memory:
    return Memory.of(*(DIGITS.features(x) for x in (TRAIN, VALIDATION, tokens)))


def test_validation_images_are_the_measure() -> None:
    found = memory(VALIDATION)
    assert np.median(found.relative) == pytest.approx(1)
    assert found.near.sum() == found.rank - 1
    assert copies(TRAIN, HELD_OUT).sum() == 0


@pytest.mark.parametrize("size", [5, 20, 99, 500])
def test_as_many_new_images_are_near_as_are_expected(size: int) -> None:
    """The limit comes from other data: a limit from the same 20 images has 5 % below it, and 6.2 % of new ones."""
    source = np.random.default_rng(size)
    found = [Memory(source.exponential(size=200), source.exponential(size=size)) for _ in range(2000)]
    assert np.mean([each.near.mean() for each in found]) == pytest.approx(found[0].expected, rel=0.1)


def test_distance_is_that_to_the_nearest_of_all() -> None:
    real, some = DIGITS.features(TRAIN), DIGITS.features(HELD_OUT[:30])
    expected = [np.linalg.norm(real - point, axis=1).min() for point in some]
    assert memory(HELD_OUT[:30]).samples == pytest.approx(expected)


def test_copies_are_counted_and_almost_copies_are_near() -> None:
    tokens = HELD_OUT[:100].clone()
    tokens[:20] = TRAIN[40:60]
    tokens[20:50] = TRAIN[80:110]
    tokens[20:50, 27] = tokens[20:50, 27] ^ 1  # one pixel by one level, hence no copy
    assert copies(TRAIN, tokens).sum() == copies(TRAIN, tokens)[:20].sum() == 20
    assert memory(tokens).near[:50].mean() > 0.9
    assert memory(tokens).near[50:].mean() < 0.1


def test_copies_are_near_even_if_many_validation_images_stand_in_the_training_data() -> None:
    validation = VALIDATION.clone()
    validation[:36] = TRAIN[:36]
    found = Memory.of(*(DIGITS.features(x) for x in (TRAIN, validation, TRAIN[100:150])))
    assert found.threshold < 1e-6
    assert found.near.all()


def test_copies_do_not_depend_on_the_type_of_numbers() -> None:
    assert copies(TRAIN, TRAIN[:3].int()).all()
