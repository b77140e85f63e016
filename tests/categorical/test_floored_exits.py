"""How strongly tokens leave, as the source in C says it in float64, against the same formulas in PyTorch."""

from __future__ import annotations

import pytest
import torch
from drawers import NO_LIBRARY, noise

from dguide.categorical import (
    Exits,
    Floor,
    FlooredRequest,
    FlooredSums,
    LogitRows,
    floored_compiled,
    floored_vectorised,
    tilt,
)

pytestmark = pytest.mark.skipif(bool(NO_LIBRARY), reason=NO_LIBRARY)

EXITS = {
    "rates": Exits(3.0, 40.0, None),
    "a short step": Exits(1e-9, 1e-7, (1 - 1e-9, 1 - 1e-7)),
    "a step": Exits(0.2, 0.7, (0.8, 0.3)),
    "a step that few survive": Exits(0.9, 1 - 1e-14, (0.1, 1e-14)),
}


@pytest.mark.parametrize("vocab", [2, 19, 64, 65, 300])
@pytest.mark.parametrize("exits", EXITS.values(), ids=list(EXITS))
def test_exit_rates_are_those_of_the_formula(exits: Exits, vocab: int) -> None:
    """To the last digits, so that no token depends on who worked them out. Some rows are sure of the present token."""
    c, u = noise(2, 37, vocab, seed=vocab).float() * 2
    rows, present = torch.arange(37), torch.arange(37) % vocab
    c[rows, present] += torch.linspace(-80, 80, 37)
    floor, forbidden = Floor(2.0, 1e-2, 0.5), torch.tensor([], dtype=torch.int64)
    weight = torch.linspace(-1, 3, 37, dtype=torch.float64)
    asked = FlooredRequest(LogitRows(c, rows), LogitRows(u, rows), weight, present, floor, forbidden, True, exits=exits)
    sums = floored_compiled.fast(asked)
    found, plain = FlooredSums(asked, sums), FlooredSums(asked, sums._replace(log_z=None))
    assert bool(found.served.all())
    wanted = exits.rate(found.here, found.rest).log()
    torch.testing.assert_close(found.log_intensity, wanted, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(found.tilted, tilt(*wanted, weight), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(found.log_z, plain.log_z, rtol=0, atol=1e-12)


def test_rows_that_hardly_leave_are_not_served() -> None:
    logits, rows = torch.zeros(3, 19), torch.arange(3)
    for least, served in ((1e-299, True), (1e-301, False)):
        exits = Exits(least, least, None)
        asked = FlooredRequest(LogitRows(logits, rows), None, torch.zeros(3).double(), rows, Floor(1.0, 1.0, 1.0),
                               rows[:0], exits=exits)  # fmt: skip
        assert FlooredSums(asked, floored_compiled.fast(asked)).served.tolist() == [served] * 3
        assert FlooredSums(asked, floored_vectorised.fast(asked)).served.tolist() == [served] * 3
