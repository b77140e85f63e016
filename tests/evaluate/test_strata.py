from __future__ import annotations

import numpy as np
import pytest
import torch

from dguide.evaluate.strata import in_proportion, shares

REAL = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)


def test_shares_are_those_asked_for() -> None:
    assert shares(torch.tensor([0, 1, 1, 2]), REAL, 3).tolist() == [0.25, 0.5, 0.25]


def test_not_told_means_what_real_data_have() -> None:
    assert shares(torch.tensor([3, 3]), REAL, 3).tolist() == pytest.approx([0.6, 0.3, 0.1])
    assert shares(torch.tensor([3, 2]), REAL, 3).tolist() == pytest.approx([0.3, 0.15, 0.55])


def test_rows_have_the_shares_and_the_rarest_class_is_the_limit() -> None:
    wanted = shares(torch.tensor([0, 1, 2]), REAL, 3)
    for most, each in ((9, 3), (1000, 10)):
        rows = in_proportion(REAL, wanted, most, np.random.default_rng(0))
        assert len(set(rows.tolist())) == len(rows) == 3 * each
        assert np.bincount(REAL[rows]).tolist() == [each] * 3
    assert np.bincount(REAL[in_proportion(REAL, wanted, 1000, np.random.default_rng(0))][:15]).max() < 15, "mixed"


def test_a_class_that_is_not_asked_for_is_not_there() -> None:
    rows = in_proportion(REAL, shares(torch.tensor([1, 1]), REAL, 3), 1000, np.random.default_rng(0))
    assert REAL[rows].unique().tolist() == [1]
    assert len(rows) == 30


def test_all_rows_if_all_are_asked_for() -> None:
    asked = torch.arange(997) % 7
    rows = in_proportion(asked, shares(asked, asked, 7), 997, np.random.default_rng(0))
    assert sorted(rows.tolist()) == list(range(997))


def test_labels_that_are_none() -> None:
    for labels in (torch.tensor([4]), torch.tensor([-1]), torch.tensor([], dtype=torch.int64)):
        with pytest.raises(ValueError, match="from 0 to 2, or 3 for not told"):
            shares(labels, REAL, 3)
    with pytest.raises(ValueError, match=r"got \[3\], expected classes that the real data have"):
        shares(torch.tensor([3]), REAL, 4)
