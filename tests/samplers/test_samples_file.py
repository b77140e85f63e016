"""`Samples` are short to look at, and come back from a file as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import oracle

import dguide
from dguide import SMC, Ancestral, Masked, Normalized, Samples

PROCESS = Masked(3)


def draw(**changes: object) -> Samples:
    given = {"sampler": Ancestral(3)} | changes
    return dguide.sample(
        oracle(PROCESS),
        process=PROCESS,
        length=2,
        condition=torch.tensor([0, 1, 1]),
        guidance=Normalized(1.0),
        **given,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("changes", [{}, {"trajectory": True}, {"sampler": SMC(4)}], ids=str)
def test_samples_come_back_from_a_file(tmp_path: Path, changes: dict[str, object]) -> None:
    drawn, path = draw(**changes), tmp_path / "samples.npz"
    drawn.save(path)
    loaded = Samples.load(str(path))
    assert loaded.calls == drawn.calls
    assert repr(loaded) == repr(drawn)
    for name in ("tokens", "forced", "log_normalizer"):
        before, after = getattr(drawn, name), getattr(loaded, name)
        assert (before is None) == (after is None)
        assert before is None or (before.dtype == after.dtype and torch.equal(before, after))
    assert (drawn.trajectory is None) == (loaded.trajectory is None)
    if drawn.trajectory is not None and loaded.trajectory is not None:
        assert torch.equal(drawn.trajectory.tokens, loaded.trajectory.tokens)
        assert torch.equal(drawn.trajectory.times, loaded.trajectory.times)
    assert [each.name for each in tmp_path.iterdir()] == ["samples.npz"]


def test_samples_are_shown_by_shape() -> None:
    shown = repr(draw(trajectory=True))
    assert "tokens=[3, 2]" in shown
    assert "states=[4, 3, 2]" in shown
    assert "tensor(" not in shown


def test_what_is_no_file_of_samples_is_refused(tmp_path: Path) -> None:
    drawn, path = draw(), tmp_path / "samples.npz"
    with pytest.raises(dguide.InputError, match=r"ends in \.npz"):
        drawn.save(tmp_path / "samples.pt")
    with pytest.raises(dguide.InputError, match="expected a file that Samples"):
        Samples.load(path)
    drawn.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(dguide.InputError, match="expected a file that Samples"):
        Samples.load(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3, dtype=np.int64))
    with pytest.raises(dguide.InputError, match="expected a file that Samples"):
        Samples.load(path)
    np.savez(path, tokens=np.zeros((1, 2), dtype=np.int64))
    with pytest.raises(dguide.InputError, match="got arrays tokens, expected"):
        Samples.load(path)
