from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from networks import awake, inputs

import dguide
from dguide.nn import Compiled, Inference
from dguide.nn import compiled as module


def has_toolchain() -> bool:
    try:
        module._check_toolchain(torch.device("cpu"))
    except ValueError:
        return False
    return True


@pytest.fixture
def graphs() -> Iterator[Any]:
    """A function that counts the graphs compiled so far in the test."""
    from torch._dynamo.utils import counters  # which takes long, and other processes have no use for

    torch._dynamo.reset()
    counters.clear()
    yield lambda: counters["stats"]["unique_graphs"]
    torch._dynamo.reset()


def test_few_graphs_serve_any_number_of_samples_and_rows(graphs: Any) -> None:
    model = awake(noise="linear")
    ready = Inference(model, Compiled("eager"))
    generator = torch.Generator().manual_seed(0)
    # As many rows as samples, as numbers that could be taken for one, then any others.
    for batch, count in [(2, 2), (6, 6), (5, 30), (9, 1), (7, 0), (1, 1), (1, 6), (3, 1), (16, 5), (11, 66)]:
        rows = torch.randint(0, 6 * batch, (count,), generator=generator)
        got = ready.logits_at(*inputs(batch), rows)
        torch.testing.assert_close(got, model.logits_at(*inputs(batch), rows), rtol=1e-5, atol=1e-5)
    assert graphs() == 4  # trunk and readout, for one sample and for more
    for batch in (2, 5, 1, 6, 8):
        torch.testing.assert_close(ready(*inputs(batch)), model(*inputs(batch)), rtol=1e-5, atol=1e-5)
    assert graphs() == 6  # two more readouts, of all positions
    assert not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.parametrize("sampler", [dguide.Ancestral(12), dguide.FirstHitting()], ids=lambda s: type(s).__name__)
def test_a_whole_run_compiles_few_graphs(graphs: Any, sampler: Any) -> None:
    sizes = set()
    model = awake()
    ready = Inference(model, Compiled("eager"))
    rows_of = ready.logits_at

    def watched(tokens: Any, *rest: Any) -> Any:
        sizes.add(len(tokens))
        return rows_of(tokens, *rest)

    ready.logits_at = watched  # type: ignore[method-assign]
    settings: dict[str, Any] = {
        "process": dguide.Masked(5),
        "length": 6,
        "condition": torch.arange(13) % 3,
        "guidance": dguide.Normalized(dguide.Interval(2.0, 0.3, 0.8)),
        "sampler": sampler,
        "batch_size": 8,
    }
    tokens = dguide.sample(ready, **settings).tokens
    if isinstance(sampler, dguide.Ancestral):
        assert len(sizes) > 5
    assert graphs() <= 4
    assert torch.equal(tokens, dguide.sample(model, **settings).tokens)


def test_marks_stay_off_the_tensors_of_the_caller(graphs: Any) -> None:
    tokens, time, labels = inputs()
    Inference(awake(), Compiled("eager"))(tokens, time, labels)
    assert not any(hasattr(x, "_dynamo_dynamic_indices") for x in (tokens, time, labels))


@pytest.mark.skipif(not has_toolchain(), reason="needs a C++ compiler and Python.h")
def test_machine_code_computes_the_same(graphs: Any) -> None:
    model = awake(layers=1, noise="linear")
    ready = Inference(model, Compiled())
    rows = torch.tensor([4, 11, 0])
    for batch in (2, 3):
        got = ready.logits_at(*inputs(batch), rows)
        torch.testing.assert_close(got, model.logits_at(*inputs(batch), rows), rtol=1e-4, atol=1e-4)
    assert graphs() == 2


@pytest.mark.parametrize(("tool", "message"), [("compiler", "no C"), ("headers", "no Python.h")])
def test_missing_tools_are_told_beforehand(monkeypatch: Any, tmp_path: Any, tool: str, message: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if tool == "compiler" else name)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(ValueError, match=f"torch.compile on the CPU: got {message}.*leave Compiled"):
        Inference(awake(), Compiled())


def test_cuda_needs_triton(monkeypatch: Any) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="no module triton"):
        module.Compiled()(None, torch.device("cuda"))  # type: ignore[arg-type]
