from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import awake, inputs

from dguide.nn import Compiled, CudaGraphs, Inference
from dguide.nn.graphs import Recorded, bucket
from dguide.nn.inference import Parts
from dguide.nn.transformer import Trunk


class Pretended:
    """Records as CUDA does, without it: results stay where they are, and a replay reads the inputs where they were."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.replays = 0

    def __call__(self, work: Callable[[], Trunk]) -> tuple[Callable[[], Any], Trunk]:
        found = Trunk(*(torch.full_like(x, torch.nan) for x in work()))  # a recording computes nothing
        self.sizes.append(len(found.hidden))

        def replay() -> None:
            self.replays += 1
            for kept, new in zip(found, work(), strict=True):
                kept.copy_(new)

        return replay, found

    def speedup(self, parts: Parts, device: torch.device) -> Parts:
        return Parts(Recorded(parts.trunk, self), parts.readout)


def test_buckets_hold_every_batch_and_are_less_than_half_as_large_again() -> None:
    sizes = [bucket(batch) for batch in range(1, 1000)]
    assert sorted(set(sizes))[:10] == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
    assert all(batch <= size < 1.5 * batch for batch, size in enumerate(sizes, 1))
    assert all(bucket(size) == size for size in sizes)
    assert sizes == sorted(sizes)
    assert bucket(0) == 1


@pytest.mark.parametrize("schedule", [None, "linear"])
@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_batches_of_any_size_share_a_few_recordings(schedule: str | None, dtype: str | None) -> None:
    recorder = Pretended()
    model = awake(noise=schedule)
    plain, ready = Inference(model, dtype=dtype), Inference(model, recorder.speedup, dtype=dtype)
    tokens, time, labels = inputs(20)
    loose = {"rtol": 1e-5, "atol": 1e-5} if dtype is None else {"rtol": 5e-2, "atol": 5e-2}
    for start, stop in [(0, 6), (6, 11), (11, 17), (3, 8), (0, 1), (2, 2), (5, 20), (19, 20), (0, 7)]:
        batch = tokens[start:stop], time[start:stop].float(), labels[start:stop]
        rows = torch.arange(6 * (stop - start)).flip(0)[::4]
        torch.testing.assert_close(ready(*batch), plain(*batch), **loose)
        torch.testing.assert_close(ready.logits_at(*batch, rows), plain.logits_at(*batch, rows), **loose)
    assert recorder.sizes == [6, 1, 16, 8]
    assert recorder.replays == 18


def test_what_was_returned_is_not_overwritten() -> None:
    ready = Inference(awake(), Pretended().speedup)
    tokens, time, labels = inputs(8)
    first = ready.logits_at(tokens[:4], time[:4], labels[:4], torch.arange(24))
    kept = first.clone()
    ready(tokens[4:], time[4:], labels[4:])
    assert torch.equal(first, kept)


def test_without_cuda_it_says_so() -> None:
    with pytest.raises(ValueError, match=r"CudaGraphs: got a network on cpu, expected one on CUDA. Move the model"):
        Inference(awake(), CudaGraphs())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("speedups", [(), (CudaGraphs(),), (Compiled(), CudaGraphs())], ids=["plain", "graphs", "both"])
@pytest.mark.parametrize("schedule", [None, "linear"])
def test_on_cuda(speedups: tuple[Any, ...], schedule: str | None) -> None:
    model = awake(noise=schedule)
    ready = Inference(model.to("cuda"), *speedups)
    model.cpu()
    rows = torch.tensor([3, 0, 5])
    for waiting in ("default", "error"):  # the first time round it records, and may wait
        torch.cuda.synchronize()
        for batch in (5, 6, 1, 3):
            here = [x.to("cuda") for x in (*inputs(batch), rows)]
            torch.cuda.set_sync_debug_mode(waiting)
            got = ready(*here[:3]), ready.logits_at(*here)
            torch.cuda.set_sync_debug_mode("default")
            expected = model(*inputs(batch)), model.logits_at(*inputs(batch), rows)
            for mine, theirs in zip(got, expected, strict=True):
                torch.testing.assert_close(mine.cpu(), theirs, rtol=1e-3, atol=1e-3)


def test_recorded_in_inference_mode_replayed_outside() -> None:
    ready = Inference(awake(), Pretended().speedup)
    tokens, time, labels = inputs(3)
    with torch.inference_mode():
        first = ready(tokens, time.float(), labels)
    torch.testing.assert_close(ready(tokens, time.float(), labels), first)
