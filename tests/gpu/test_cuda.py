"""Guided draws on a CUDA device: the laws of the kernels, as they are compiled, and a whole run beside the CPU's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from floored_laws import *  # noqa: F403
from floored_laws import FLOORS, asked, judge
from fused_laws import *  # noqa: F403
from helpers import Network
from torch import Tensor

import dguide
from dguide.categorical import (
    Decoding,
    DrawRequest,
    Draws,
    Exits,
    FlooredRequest,
    FlooredSums,
    LogitRows,
    floored_sums,
    floored_vectorised,
    guided_draw,
)
from dguide.categorical.cuda import floored_fused, fused
from dguide.categorical.floor import Sums

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and PyTorch sees none here"),
]


def moved(value: Any, device: str) -> Any:
    """Rows, draws, requests, sums, tensors on another device; all else as it is. Rows stay as far apart as they are."""
    if isinstance(value, LogitRows):
        return LogitRows(moved(value.values, device), value.index.to(device))
    if isinstance(value, Draws):
        names = Draws.__dataclass_fields__
        return Draws(**{name: moved(getattr(value, name), device) for name in names})
    if isinstance(value, FlooredRequest | Sums):
        return type(value)(*(moved(each, device) for each in value))
    if isinstance(value, Tensor):
        copy = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=device)
        return copy.copy_(value)
    return value


@pytest.fixture
def draw() -> Any:
    def fast(*arguments: Any) -> tuple[Draws, Tensor]:
        draws, served = fused.fast(DrawRequest(*(moved(argument, "cuda") for argument in arguments)))
        return moved(draws, "cpu"), served.cpu()

    return fast


@pytest.fixture
def floored() -> Any:
    return lambda what: moved(floored_fused.fast(moved(what, "cuda")), "cpu")


@pytest.fixture
def many() -> int:
    return 200_000


def test_the_kernels_are_what_cuda_draws_with(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    fast = fused.fast
    monkeypatch.setattr(fused, "fast", lambda what: asked.append(len(what.cond)) or fast(what))
    logits = torch.zeros(4, 9, device="cuda")
    one = torch.full((4,), 0.5, dtype=torch.float64, device="cuda")
    draws = guided_draw(LogitRows(logits, torch.arange(4, device="cuda")), None, one, one)
    assert asked == [4]
    assert draws.token.tolist() == [4] * 4


def test_nothing_waits_for_the_device() -> None:
    values = torch.randn(64, 5000, device="cuda")
    rows = LogitRows(values, torch.arange(64, device="cuda"))
    w = torch.ones(64, dtype=torch.float64, device="cuda")
    forbidden = torch.tensor([3], device="cuda")
    inputs = DrawRequest(rows, rows, w, w / 2, Decoding(), forbidden, True, True)
    jumps = moved(asked(values.cpu(), values.cpu().flip(0), FLOORS["between"], forbidden=torch.tensor([3])), "cuda")
    jumps = jumps._replace(exits=Exits(0.2, 0.7, (0.8, 0.3)))

    def work() -> None:
        fused.fast(inputs)
        found = FlooredSums(jumps, floored_fused.fast(jumps))
        again = jumps._replace(known=found.known)
        assert all(x.is_cuda for x in (found.served, found.tilted, found.log_z, floored_fused.fast(again).served))

    work()  # compiled now
    torch.cuda.set_sync_debug_mode("error")
    try:
        work()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_rows_beyond_two_thousand_million_entries() -> None:
    vocab, rows = 126_464, 17_000
    values = torch.empty(rows, vocab, dtype=torch.bfloat16, device="cuda")
    values[-2:] = torch.randn(2, vocab, device="cuda")
    last = LogitRows(values, torch.tensor([rows - 1, rows - 2], device="cuda"))
    copy = LogitRows(values[-2:].clone(), torch.tensor([1, 0], device="cuda"))
    u = torch.tensor([0.3, 0.8], dtype=torch.float64, device="cuda")
    none = torch.zeros(0, dtype=torch.int64, device="cuda")
    there, here = (fused.fast(DrawRequest(part, part, u, u, Decoding(), none, True, True))[0] for part in (last, copy))
    for name in Draws.__dataclass_fields__:
        assert torch.equal(getattr(there, name), getattr(here, name)), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_jumps_of_large_vocabularies(floored: Any, dtype: torch.dtype) -> None:
    c, u = (2 * torch.randn(2, 6, 262_144, generator=torch.Generator().manual_seed(5))).to(dtype)
    for name in ("leave-one-out", "the last step"):
        judge(floored, asked(c, u, FLOORS[name], forbidden=torch.tensor([0, 200_000])), close=1e-4)


def test_jumps_land_where_those_of_pytorch_do() -> None:
    """A million draws: tokens differ only where a rounding decides."""
    c, u = 2 * torch.randn(2, 1000, 700, generator=torch.Generator().manual_seed(6))
    differ = draws = 0
    for floor in FLOORS.values():
        what = moved(asked(c, u, floor, many=200), "cuda")
        one, other = (fast(what).token for fast in (floored_fused.fast, floored_vectorised.fast))
        differ, draws = differ + int((one != other).sum()), draws + len(one)
    print(f"{differ} of {draws:,} tokens differ")
    assert draws == 1_000_000
    assert differ <= draws / 2_000


def test_the_kernels_are_what_cuda_jumps_by(monkeypatch: pytest.MonkeyPatch) -> None:
    told, fast = [], floored_fused.fast
    monkeypatch.setattr(floored_fused, "fast", lambda what: told.append(len(what.cond)) or fast(what))
    what = moved(asked(torch.zeros(4, 9), torch.ones(4, 9), FLOORS["between"]), "cuda")
    assert bool(floored_sums(what).served.all())
    assert told == [4]


@pytest.mark.parametrize("process", [dguide.Masked(4000), dguide.Uniform(4000)], ids=["masked", "uniform"])
@pytest.mark.parametrize("guidance", [dguide.Normalized(2.0), dguide.Unlocking(2.0)], ids=["normalized", "unlocking"])
def test_a_whole_run_is_that_of_the_cpu(guidance: Any, process: Any) -> None:
    """One network, whose logits are the same on both to rounding: tokens differ only where a rounding decides."""
    tokens = []
    for device in ("cpu", "cuda"):
        network = Network(4000)
        network.here, network.left, network.label = (t.to(device) for t in (network.here, network.left, network.label))
        samples = dguide.sample(
            network,
            process=process,
            length=32,
            condition=(torch.arange(64) % 3).to(device),
            guidance=guidance,
            sampler=dguide.Ancestral(steps=8),
            device=device,
        )
        tokens.append(samples.tokens.cpu())
    flipped = tokens[0] != tokens[1]
    print(
        f"flips: {int(flipped.sum())} of {flipped.numel()}, in {int(flipped.any(-1).sum())} of {len(flipped)} samples"
    )
    # A flip changes what the network says of the neighbours, so it may take its sample along; none is likely at all.
    assert int(flipped.any(-1).sum()) <= 1
