from __future__ import annotations

import numpy as np
import pytest

from dguide.evaluate.points.memory import Memory, copies
from tests.evaluate.real import DIGITS

TRAIN, HELD_OUT = DIGITS.train.tokens, DIGITS.test.tokens


def memory(tokens) -> Memory:
    return Memory.of(*(DIGITS.features(x) for x in (TRAIN, HELD_OUT, tokens)))


def test_held_out_images_are_the_measure() -> None:
    found = memory(HELD_OUT)
    assert np.median(found.relative) == pytest.approx(1)
    assert found.near.mean() == pytest.approx(0.01, abs=1 / len(HELD_OUT))
    assert copies(TRAIN, HELD_OUT).sum() == 0


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


def test_copies_are_near_even_if_many_held_out_images_stand_in_the_training_data() -> None:
    held_out = HELD_OUT.clone()
    held_out[:36] = TRAIN[:36]
    found = Memory.of(*(DIGITS.features(x) for x in (TRAIN, held_out, TRAIN[100:150])))
    assert found.threshold < 1e-6
    assert found.near.all()
    assert found.held_out_near.mean() == pytest.approx(36 / len(HELD_OUT))
    assert memory(HELD_OUT).held_out_near.mean() == pytest.approx(0.01, abs=1 / len(HELD_OUT))


def test_copies_do_not_depend_on_the_type_of_numbers() -> None:
    assert copies(TRAIN, TRAIN[:3].int()).all()
