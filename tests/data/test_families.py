"""Near-copies are of one family, whatever their order, and the place of a family depends on its members alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from dguide.data.families import families, family_positions


def groups(texts: list[str], size: int = 3, share: float = 0.5) -> set[frozenset[str]]:
    found = families(texts, size, share)
    return {frozenset(text for text, number in zip(texts, found, strict=True) if number == each) for each in found}


def runs(text: str, size: int) -> set[str]:
    return {text[k : k + size] for k in range(max(len(text) - size + 1, 1))}


def test_families_are_the_connected_strings_in_any_order() -> None:
    random = np.random.default_rng(0)
    texts = list(dict.fromkeys("".join(random.choice(list("AC"), random.integers(2, 10))) for _ in range(80)))
    related = {
        pair
        for pair in combinations(texts, 2)
        if 2 * len(runs(pair[0], 4) & runs(pair[1], 4)) >= min(len(runs(each, 4)) for each in pair)
    }
    expected = {frozenset([text]) for text in texts}
    for pair in related:
        near = {group for group in expected if group & set(pair)}
        expected = (expected - near) | {frozenset().union(*near)}
    assert 5 < len(expected) < len(texts) - 5
    assert groups(texts, 4) == expected
    assert groups(texts[::-1], 4) == expected


def test_relatives_of_relatives_are_of_one_family_and_a_family_has_one_position() -> None:
    texts = ["ABCDEF", "CDEFGH", "EFGHIJ", "ZZZZZZ"]
    family = families(texts, 2, 0.5)
    assert family == [0, 0, 0, 3]
    place = family_positions(texts, family)
    assert place[0] == place[1] == place[2] != place[3]
    fewer = family_positions(texts[:2], families(texts[:2], 2, 0.5))  # a member that is not the first in order has gone
    assert fewer[0] == place[0]
    back = family_positions(texts[::-1], families(texts[::-1], 2, 0.5))
    assert back.flip(0).equal(place)
