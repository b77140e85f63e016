"""What `sample` promises its callers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers import PROCESSES, Network, identities
from torch import Tensor

import dguide
from dguide import (
    Ancestral,
    Euler,
    FirstHitting,
    Masked,
    Normalized,
    RampUp,
    Samples,
    Simple,
    TauLeaping,
    Uniform,
    Unlocking,
    noise,
)
from dguide.guidance import Guidance
from dguide.process import Process
from dguide.samplers import Run, Sampler, State

MECHANISMS = [Normalized, Unlocking, Simple]
GRID_SAMPLERS = [Ancestral(6), Euler(6), TauLeaping(6)]
every_process = pytest.mark.parametrize("process", PROCESSES, ids=identities(PROCESSES))
every_mechanism = pytest.mark.parametrize("mechanism", MECHANISMS)
LABELS = torch.tensor([0, 1, 2, 1, 0])


def combinations() -> list[tuple[Process, type[Guidance], Sampler]]:
    """Every combination that has a meaning."""
    grid = [(p, g, s) for p in PROCESSES for g in MECHANISMS for s in GRID_SAMPLERS]
    return grid + [(p, g, FirstHitting()) for p in PROCESSES[:2] for g in MECHANISMS[:2]]


every_combination = pytest.mark.parametrize(("process", "mechanism", "sampler"), combinations(), ids=str)


def draw(network: Any, process: Process = PROCESSES[0], **changes: Any) -> Samples:
    arguments: dict[str, Any] = {
        "process": process,
        "length": 6,
        "condition": LABELS,
        "guidance": Normalized(2.0),
        "sampler": Ancestral(6),
    }
    return dguide.sample(network, **(arguments | changes))


def mask_of(process: Process) -> int:
    return getattr(process, "mask_id", -1)


@every_combination
def test_shapes_dtypes_and_no_mask(process: Process, mechanism: type[Guidance], sampler: Sampler) -> None:
    samples = draw(Network(4), process, guidance=mechanism(RampUp(2.0)), sampler=sampler, trajectory=True)
    assert samples.tokens.shape == (5, 6)
    assert samples.tokens.dtype == torch.int64
    assert samples.tokens.min() >= 0
    assert samples.tokens.max() < 4
    assert (samples.tokens != mask_of(process)).all()
    assert samples.forced.shape == (5,)
    assert samples.forced.dtype == torch.int64
    assert samples.forced.min() >= 0
    assert samples.trajectory is not None
    assert samples.trajectory.tokens.shape[1:] == (5, 6)
    assert samples.trajectory.times.shape == samples.trajectory.tokens.shape[:2]


@every_combination
def test_trajectory(process: Process, mechanism: type[Guidance], sampler: Sampler) -> None:
    samples = draw(Network(4), process, guidance=mechanism(1.0), sampler=sampler, trajectory=True)
    path = samples.trajectory
    assert path is not None
    assert torch.equal(path.tokens[-1], samples.tokens)
    assert (path.times[0] == 1).all()
    assert (path.times.diff(dim=0) <= 0).all()
    if not isinstance(sampler, FirstHitting):
        assert (path.times.diff(dim=0) < 0).all()
        assert (path.times[-1] == 0).all()
        assert len(path.times) == 7
    if mask_of(process) >= 0:
        assert (path.tokens[0] == mask_of(process)).all()
        before, after = path.tokens[:-1], path.tokens[1:]
        decided = before != mask_of(process)
        assert torch.equal(before[decided], after[decided])
        assert (after != before).any(-1).any(-1).sum() > 1  # not all in one step


def test_trajectory_only_if_asked_for() -> None:
    assert draw(Network(4)).trajectory is None


def test_results_are_frozen() -> None:
    samples = draw(Network(4))
    with pytest.raises(AttributeError):
        samples.tokens = torch.zeros(1)


def test_arguments_of_the_denoiser() -> None:
    network = Network(4)
    draw(network)
    tokens, time, condition = network.calls[0]
    # Conditional and reference in one call, on the same tokens.
    assert tokens.dtype == torch.int64
    assert torch.equal(tokens[: len(tokens) // 2], tokens[len(tokens) // 2 :])
    assert time.shape == (len(tokens),)
    assert time.dtype == torch.get_default_dtype()
    assert (time == 1).all()
    assert (condition[len(tokens) // 2 :] == 3).all()
    assert (condition[: len(tokens) // 2] < 3).all()


def test_time_of_each_call() -> None:
    network = Network(4)
    draw(network, Uniform(4), sampler=Ancestral(4), guidance=Normalized(0.0))
    assert [float(time[0]) for _, time, _ in network.calls] == [1, 0.75, 0.5, 0.25]


@every_process
def test_batches_are_only_a_way_to_compute(process: Process) -> None:
    network = Network(4)
    whole = draw(network, process, guidance=Normalized(RampUp(2.0)))
    network.calls.clear()
    split = draw(network, process, guidance=Normalized(RampUp(2.0)), batch_size=2, trajectory=True)
    assert torch.equal(whole.tokens, split.tokens)
    assert max(len(tokens) for tokens, _, _ in network.calls) <= 4
    assert split.trajectory is not None
    assert torch.equal(split.trajectory.tokens[-1], split.tokens)
    # `calls` are those of one batch: as many as steps, not three times as many.
    assert split.calls.conditional <= 6


def test_trajectories_of_unequal_batches_are_aligned() -> None:
    initial = torch.full((3, 6), 4)
    initial[0, 1:] = 0  # one position to fill in; the others have six
    samples = draw(
        Network(4), condition=LABELS[:3], initial=initial, sampler=FirstHitting(), batch_size=1, trajectory=True
    )
    assert samples.trajectory is not None
    assert samples.trajectory.tokens.shape == (7, 3, 6)
    assert torch.equal(samples.trajectory.tokens[-1], samples.tokens)
    assert torch.equal(samples.trajectory.tokens[1, 0], samples.tokens[0])


def test_callback_sees_every_step() -> None:
    seen: list[tuple[int, float]] = []

    def note(run: Run, state: State) -> None:
        assert run.length == 6
        seen.append((state.index, float(state.time[0])))

    draw(Network(4), sampler=Ancestral(4), callback=note)
    assert seen == [(1, 0.75), (2, 0.5), (3, 0.25), (4, 0.0)]
    seen.clear()
    draw(Network(4), sampler=Ancestral(4), callback=note, batch_size=3)
    assert [index for index, _ in seen] == [1, 2, 3, 4, 1, 2, 3, 4]


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    plain = draw(Network(4), sampler=Ancestral(4))
    assert capsys.readouterr().err == ""
    shown = draw(Network(4), sampler=Ancestral(4), progress=True)
    assert "step" in capsys.readouterr().err
    assert torch.equal(plain.tokens, shown.tokens)


def test_stepping_by_hand_is_the_same() -> None:
    network, sampler = Network(4), Ancestral(6)
    rows = torch.arange(5)
    run = Run(network, PROCESSES[0], Normalized(2.0), LABELS, network.null(LABELS), 0, rows, rows, 6)
    state = sampler.begin(run)
    while not sampler.finished(run, state):
        left = sampler.length(run, state)
        state = sampler.step(run, state)
        assert sampler.length(run, state) == left - 1
    assert torch.equal(state.tokens, draw(network).tokens)


@every_process
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_precision_of_the_logits(process: Process, dtype: torch.dtype) -> None:
    for mechanism in MECHANISMS:
        rounded = draw(Network(4, edit=lambda x: x.to(dtype)), process, guidance=mechanism(3.0))
        same = draw(Network(4, edit=lambda x: x.to(dtype).float()), process, guidance=mechanism(3.0))
        assert torch.equal(rounded.tokens, same.tokens)


def test_gradients_are_not_recorded() -> None:
    grad: list[bool] = []

    def edit(logits: Tensor) -> Tensor:
        grad.append(torch.is_grad_enabled())
        return logits

    draw(Network(4, edit=edit))
    assert grad
    assert not any(grad)
    assert torch.is_grad_enabled()


def test_seed_and_index_decide() -> None:
    tokens = draw(Network(4)).tokens
    assert torch.equal(draw(Network(4)).tokens, tokens)
    assert not torch.equal(draw(Network(4), seed=1).tokens, tokens)
    assert not torch.equal(draw(Network(4), first_index=5).tokens, tokens)
    alike = draw(Network(4), condition=torch.zeros(5, dtype=torch.int64)).tokens
    assert len({tuple(row) for row in alike.tolist()}) > 1


GRIDS = {
    "uniform": ("uniform", [1, 0.75, 0.5, 0.25, 0]),
    "cosine": ("cosine", [1, 0.9238795, 0.7071068, 0.3826834, 0]),
    "list": ([1, 0.9, 0.2, 0], [1, 0.9, 0.2, 0]),
    "tensor": (torch.tensor([1, 0.9, 0.2, 0], dtype=torch.float64), [1, 0.9, 0.2, 0]),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("process", [Masked(4), Uniform(4)], ids=["masked", "uniform"])
def test_grids(name: str, process: Process) -> None:
    grid, times = GRIDS[name]
    samples = draw(Network(4), process, sampler=Ancestral(4, grid=grid), trajectory=True)
    assert samples.trajectory is not None
    assert samples.trajectory.times[:, 0].tolist() == pytest.approx(times)


@pytest.mark.parametrize("sampler", [Euler, TauLeaping])
@pytest.mark.parametrize("schedule", [noise.Linear(), noise.Cosine()], ids=str)
def test_rate_samplers_of_the_uniform_process_start_where_rates_are_finite(
    sampler: type, schedule: noise.Noise
) -> None:
    process = Uniform(4, schedule)
    start = float(schedule.time(torch.tensor(1 - 1e-3, dtype=torch.float64)))
    times = sampler(4).times(process).tolist()
    assert times == pytest.approx([start, 0.75, 0.5, 0.25, 0], abs=1e-12)
    # Steps above the start are dropped rather than taken with no width.
    fine = sampler(grid=[1, (1 + start) / 2, start, 0.5, 0]).times(process).tolist()
    assert fine == pytest.approx([start, 0.5, 0], abs=1e-12)
    assert sampler(4).times(Masked(4, noise=schedule)).tolist() == [1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("steps", [1, 2, 7, 33, 100])
def test_no_step_is_lost(steps: int) -> None:
    for grid in ("uniform", "cosine"):
        times = Ancestral(steps, grid=grid).times(Masked(4))
        assert len(times) == steps + 1
        assert times[0] == 1
        assert times[-1] == 0


@pytest.mark.parametrize("vocab", [255, 256, 257, 300, 1024])
@every_mechanism
def test_large_vocabularies_and_steps_in_which_nothing_leaves(vocab: int, mechanism: type[Guidance]) -> None:
    for process in (Masked(vocab), Uniform(vocab)):
        tokens = draw(
            Network(vocab), process, condition=LABELS[:1], length=2, guidance=mechanism(1.0), sampler=Ancestral(40)
        ).tokens
        assert tokens.max() < vocab


@every_process
def test_length_of_one_and_batch_of_one(process: Process) -> None:
    assert draw(Network(4), process, length=1, condition=LABELS[:1], sampler=Ancestral(1)).tokens.shape == (1, 1)


def test_unpredictable_vocabularies_of_one_token() -> None:
    assert (draw(Network(1), Masked(1)).tokens == 0).all()
    assert (draw(Network(1), Uniform(1)).tokens == 0).all()
    assert (draw(Network(2), Masked(2, mask_id=0)).tokens == 1).all()


@every_mechanism
def test_forced_positions_are_counted(mechanism: type[Guidance]) -> None:
    plain = draw(Network(4), guidance=mechanism(1.0), sampler=Ancestral(3), length=40)
    assert plain.forced.tolist() == [0] * 5
    leaping = draw(Network(4), guidance=mechanism(1.0), sampler=TauLeaping(3), length=40)
    # The last step of tau-leaping accepts exp(-1) of those left at most.
    assert leaping.forced.min() > 0
    assert draw(Network(4), Uniform(4), guidance=mechanism(1.0), sampler=TauLeaping(3)).forced.tolist() == [0] * 5
