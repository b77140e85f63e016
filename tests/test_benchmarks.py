"""The benchmarks measure what they say, on problems so small that it takes no time."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import dguide
from benchmarks import (
    baselines,
    common,
    confidence,
    gpu,
    masked,
    memory,
    models,
    network,
    pace,
    page,
    scaling,
    speed,
    vocabulary,
)
from benchmarks.common import Stub

TINY = common.quick(common.IMAGE)


def test_times_of_steps_are_scaled_to_a_run_and_those_of_runs_are_not():
    times = {"dguide ancestral": [3.0, 1.0, 2.0]}
    times |= {f"{name} {i}": [1.0 + i] for name in baselines.BASELINES for i in range(3)}
    found = speed.totals(times, replace(TINY, steps=10), whole=False)
    assert found == {"dguide ancestral": 2.0, **dict.fromkeys(baselines.BASELINES, 20.0)}
    times = {"dguide ancestral": [2.0], **{name: [5.0] for name in baselines.BASELINES}}
    assert set(speed.totals(times, TINY, whole=True).values()) == {2.0, 5.0}


def test_steps_of_baselines_are_timed_with_the_masks_of_their_stage(monkeypatch):
    seen = []
    monkeypatch.setitem(baselines.BASELINES, "spy", lambda tokens, stage, *rest: seen.append((tokens, stage.index)))
    for work in speed.baseline_steps("spy", Stub(TINY), TINY):
        work()
    assert [(int((tokens == TINY.mask).sum()), index) for tokens, index in seen] == [(16, 0), (8, 2), (4, 3)]


def test_both_kinds_of_measurement_name_every_sampler():
    for whole in (False, True):
        found = speed.measure(TINY, repeats=1, whole=whole)["seconds"]
        assert {"dguide ancestral", "dguide tau-leaping", *baselines.BASELINES} <= set(found)
        assert min(found.values()) > 0


def test_works_take_turns_after_a_warm_up():
    log = []
    times = common.interleaved({"a": lambda: log.append("a"), "b": lambda: log.append("b")}, repeats=2)
    assert log == ["a", "b"] * 3
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}


def test_a_stub_gives_the_two_conditions_different_logits_that_are_ready():
    stub = Stub(TINY)
    logits = stub(torch.zeros(2 * TINY.batch, TINY.length), torch.ones(4), torch.zeros(4))
    assert logits.data_ptr() == stub.logits.data_ptr()
    assert not torch.equal(*logits.chunk(2))


def test_masked_rows_are_those_before_each_step():
    sampler = dguide.Ancestral(grid=(1.0, 0.0))
    assert confidence.masked_rows(Stub(TINY), TINY, sampler) == [TINY.batch * TINY.length]
    counts = confidence.masked_rows(Stub(TINY), TINY, dguide.Ancestral(TINY.steps))
    assert counts[0] == TINY.batch * TINY.length
    assert counts == sorted(counts, reverse=True)
    found = confidence.measure(TINY, dguide.Ancestral(TINY.steps), repeats=1)
    assert found["rows"] == sum(counts)
    assert set(found["ratio"]) == {"row by row", "one sum"}


@pytest.mark.parametrize("name", masked.CASES)
def test_rows_of_the_masked_process_are_counted_where_they_are_read(name):
    """What sets the pace is read once in each call, and each landing reads its two rows once more."""
    case, landings = masked.CASES[name], TINY.batch * TINY.length
    particles = getattr(case.sampler(TINY.steps), "particles", 1)
    with masked.counted() as rows:
        masked.sampled(Stub(replace(TINY, batch=TINY.batch * particles)), TINY, case)
    again = rows.read - sum(rows.asked)
    if case.needs == "leave":
        assert again == 0
    elif case.needs == "masks" and "Remasking" not in name:
        assert again == 2 * landings
    else:
        assert again >= 2 * landings * particles
    if case.needs == "leave" and "Remasking" not in name and "Trapezoidal" not in name:
        assert rows.read == 2 * landings * particles


@pytest.mark.skipif(not memory._STATUS.exists(), reason="needs the memory of a process as Linux tells it")
def test_memory_of_a_case_is_what_it_takes_at_its_peak():
    """In a process of its own, as cases run: not every system lets a process forget the peak it has had."""
    code = """
import torch
import json
import subprocess
import sys
from dataclasses import replace
from benchmarks import memory
from benchmarks.common import TINY
memory.work = lambda who, stub, shape: lambda: torch.ones(shape.steps << 20).sum()  # 4 bytes each, gone at the end
print(memory.child("greedy", replace(TINY, steps=128))["extra"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=common.ROOT)
    assert 0.9 * (512 << 20) < int(done.stdout) < 1.2 * (512 << 20)


def test_a_timed_network_knows_its_calls_and_a_run_can_stop():
    found = network.outside(network.large(TINY, width=16, layers=1, heads=2), TINY, repeats=1, first=None)
    assert 0 < found["share outside"] < 1
    assert 1 <= found["calls"] <= TINY.steps
    stopped = network.outside(network.large(TINY, width=16, layers=1, heads=2), TINY, repeats=1, first=1)
    assert stopped["calls"] <= 1
    assert (stopped["steps"], stopped["of steps"]) == (1, TINY.steps)


def test_the_large_network_has_100_million_parameters():
    with torch.device("meta"):
        size = sum(p.numel() for p in network.large(common.IMAGE).parameters())
    assert 95e6 < size < 110e6


def test_dguide_unmasks_at_the_right_pace_whatever_the_vocabulary():
    found = pace.ours(left=8, leavers=2_000)
    assert abs(found["pace"] - 1) < 4 * found["error"]
    assert pace.same_positions(vocab=50)


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_an_exponent_is_that_of_a_power_law(power):
    sizes = [2, 4, 8, 16, 32, 64]
    assert scaling.exponent(sizes, [3.0 * size**power for size in sizes]) == pytest.approx(power)
    fixed = [size + 10.0 * (size < 16) for size in sizes]
    assert scaling.exponent(sizes, fixed) == pytest.approx(1.0)


def test_scaling_varies_one_size_and_keeps_the_mask_last():
    shape = scaling.at("vocab", 64, scaling.BASE)
    assert shape == replace(scaling.BASE, vocab=64, mask=63)
    found = scaling.measure([replace(TINY, steps=steps) for steps in (1, 2)], repeats=1)
    assert {len(values) for values in found.values()} == {2}


def test_the_draw_on_a_device_is_compared_with_a_copy(monkeypatch):
    rows, asked, sums = [], [], gpu.categorical.floored_sums
    monkeypatch.setattr(gpu.categorical, "guided_draw", lambda *words, **more: rows.append((words, more)))
    monkeypatch.setattr(gpu.categorical, "floored_sums", lambda what: asked.append(what) or sums(what))
    found = gpu.bandwidth("cpu", rows=4, vocab=10, copied=100, repeats=1, clock=lambda work: (work(), 2.0)[1])
    (cond, ref, weight, uniforms), _ = rows[-1]
    assert cond.values.dtype == ref.values.dtype == torch.bfloat16
    assert cond.values.shape == (4, 10)
    assert cond.index.tolist() == [0, 1, 2, 3]
    assert weight.shape == uniforms.shape == (4,)
    assert {bool(more) for _, more in rows} == {False, True}
    assert {(what.partition, what.known is None, what.uniforms is None) for what in asked} == {
        (False, True, True), (True, True, True), (False, False, False)
    }  # fmt: skip
    read = 2 * 4 * 10 * 2 / 2.0
    assert found["bytes a second"] == {
        **{who: times * read for who, times in gpu.READS.items()}, "copy": 2 * 100 / 2.0
    }  # fmt: skip
    assert found["share of copy"] == pytest.approx(0.8)
    assert found["shares"]["uniform: with log Z"] == pytest.approx(1.6)
    seconds = gpu.runs(TINY, "cpu", torch.float32, 1, gpu.waited)["seconds"]
    assert set(baselines.BASELINES) < set(seconds)


def test_a_step_is_timed_at_each_size_of_the_vocabulary_and_drawn(tmp_path):
    seen = vocabulary.works(replace(TINY, vocab=9, mask=9))
    assert [steps for _, steps in seen.values()] == [4, 1, 4, 4, 1]
    assert seen["uniform, Unlocking"][0]().tokens.max() <= 8
    seconds = vocabulary.measure((8, 16), TINY, repeats=1)
    assert set(seconds) == set(vocabulary.STYLES)
    assert min(min(column) for column in seconds.values()) > 0
    vocabulary.draw({"values": [8, 16], "seconds": seconds}, tmp_path / "v.svg")
    assert all(label in (tmp_path / "v.svg").read_text() for label, *_ in vocabulary.STYLES.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device")
def test_without_a_device_the_benchmark_of_the_gpu_says_so(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["gpu"])
    with pytest.raises(SystemExit) as failure:
        gpu.main()
    assert failure.value.code == 2
    assert "no CUDA device" in capsys.readouterr().err


@pytest.mark.parametrize("part", [gpu, models], ids=["gpu", "models"])
def test_the_parts_of_on_gpu_can_be_tried_without_a_device(part, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["it", "--quick", "--threads", "1", "--out", str(tmp_path)])
    part.main()
    (path,) = tmp_path.iterdir()
    found = json.loads(path.read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert str(path) in printed
    if part is gpu:
        page.gpu({"gpu": found})
        shares = found["results"]["networks"]["share outside"]
        assert {"masked, Normalized", "uniform, Unlocking"} < set(shares)
        assert all(0 < share < 1 for share in shares.values())
    else:
        assert found["machine"]["card"] in printed
        for each in found["results"]["models"].values():
            assert {"guided", "not guided", "training", "training, bfloat16"} <= set(each["seconds"])
            assert each["ratio"]["guided"] == each["ratio"]["training"] == 1


def test_shapes_have_their_mask_among_the_columns():
    for shape in common.SHAPES.values():
        assert 0 <= shape.mask < shape.vocab
