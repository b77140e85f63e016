"""The Halton order: the published sequence, every position once, and nothing looked at before its turn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import Network
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

import dguide
from dguide import Halton, Masked, Normalized, RampUp
from dguide.samplers import Observer
from dguide.samplers.unmasking.halton import halton_order

CPU = torch.device("cpu")


@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (24, 24), (4, 6), (7, 3), (1, 5), (5, 1), (1, 1), (32, 9)])
def test_the_order_is_that_of_the_sequence(shape: tuple[int, int]) -> None:
    # scipy's sequence starts at n = 0, which is no point of the published one. It is off by rounding at the edges of
    # cells, which a hair puts right.
    points = qmc.Halton(2, scramble=False).random(24 * shape[0] * shape[1] + 1)[1:]
    cells = np.floor(points * shape + 1e-9).astype(int)
    flat = cells[:, 0] * shape[1] + cells[:, 1]
    _, first = np.unique(flat, return_index=True)
    assert halton_order(shape, CPU)[0].tolist() == flat[np.sort(first)].tolist()


@given(rows=st.integers(1, 40), columns=st.integers(1, 40))
def test_every_position_comes_once(rows: int, columns: int) -> None:
    order, place = halton_order((rows, columns), CPU)
    assert order.sort().values.tolist() == list(range(rows * columns))
    assert torch.equal(order[place], torch.arange(rows * columns))


def test_first_cells_by_hand() -> None:
    # (1/2, 1/3), (1/4, 2/3), (3/4, 1/9), (1/8, 4/9), (5/8, 7/9), (3/8, 2/9), ...
    assert halton_order((8, 9), CPU)[0][:6].tolist() == [4 * 9 + 3, 2 * 9 + 6, 6 * 9 + 1, 9 + 4, 5 * 9 + 7, 3 * 9 + 2]


def test_neighbours_come_far_apart() -> None:
    # Half of an image, however it is cut, has half of the first positions.
    first = halton_order((16, 16), CPU)[0][:64]
    for half in (first // 16 < 8, first % 16 < 8, (first // 16 < 8) == (first % 16 < 8)):
        assert 24 <= int(half.sum()) <= 40


def test_each_position_is_looked_at_once_in_its_turn() -> None:
    class Watch(Observer):
        def __init__(self) -> None:
            self.seen: list[list[int]] = []

        def looked(self, run, tokens, time, predictions) -> None:
            self.seen.append(predictions.query.position[predictions.query.sample == 0].tolist())

    watch = Watch()
    dguide.sample(
        Network(4),
        process=Masked(4),
        length=24,
        condition=torch.tensor([0, 1]),
        guidance=Normalized(RampUp(2.0)),
        sampler=Halton(5, "arccos", shape=(4, 6)),
        callback=watch,
    )
    order = halton_order((4, 6), CPU)[0].tolist()
    assert [len(seen) for seen in watch.seen] == [3, 3, 3, 5, 10]
    start = 0
    for seen in watch.seen:
        assert sorted(order[start : start + len(seen)]) == seen
        start += len(seen)


@pytest.mark.parametrize("shape", [(2, 3), (8, 8), (1, 5)])
def test_another_length_is_refused_before_any_call(shape: tuple[int, int]) -> None:
    network = Network(4)
    with pytest.raises(ValueError, match=r"Halton shape: got .*positions, expected rows times columns = length = 8"):
        dguide.sample(
            network,
            process=Masked(4),
            length=8,
            condition=torch.tensor([0]),
            guidance=Normalized(1.0),
            sampler=Halton(2, shape=shape),
        )
    assert not network.calls
