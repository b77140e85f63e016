"""A comparison draws, judges and tells; goes on after an end; and seeds are further samples."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import replace

import pytest
import torch
from processes import start

import dguide
from dguide.exact import chain
from dguide.pilot.compare import answer
from dguide.study import Store, grid
from tests.pilot.compare.toy import EQUAL, ONES, PROBLEM, SETTINGS, question


def truth(setting) -> float:
    """The share of equal tokens by the exact law."""
    law = chain(PROBLEM, setting.guidance, setting.sampler).reshape(2, 2)
    return float(law.diagonal().sum())


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def found(store):
    told: list[str] = []
    result = answer(question(), store, tell=told.append)
    return result, told


def test_differences_contain_those_of_the_exact_laws(found) -> None:
    result, _ = found
    zero = truth(result.settings["constant:0.0"])
    for name in ("constant:2.0", "constant:2.0001"):
        row = result.row(name, "equal tokens")
        assert row.figure.low <= truth(result.settings[name]) <= row.figure.high
        assert row.difference.low <= truth(result.settings[name]) - zero <= row.difference.high
        assert row.verdict == "better"
        assert row.figure.count == 600  # both seeds
        assert row.calls == (2, 2)
    assert result.row("constant:0.0", "ones").difference is None


def test_each_setting_is_told_as_soon_as_it_is_judged(found) -> None:
    _, told = found
    assert told[3].startswith("Measuring how strongly")  # the longest wait of a large model
    assert [text.splitlines()[0] for text in told[:3]] == [
        f"[{k}/3] {name}" for k, name in enumerate(("constant:0.0", "constant:2.0", "constant:2.0001"), start=1)
    ]
    assert "less the baseline" in told[1]
    assert "better" in told[1].splitlines()[1]


def test_the_same_call_draws_nothing_again_and_a_changed_baseline_needs_none(found, store, monkeypatch) -> None:
    monkeypatch.setattr("dguide.study.draw.sample", lambda *args, **options: pytest.fail("drawn again"))
    result, _ = found
    again = answer(question(), store)
    plain = [{k: v for k, v in row.items() if v == v} for row in result.table]
    assert plain == [{k: v for k, v in row.items() if v == v} for row in again.table]
    other = answer(question(baseline="constant:2.0", figure="ones", detect=0.1), store)
    assert next(iter(other.settings)) == other.baseline == "constant:2.0"
    assert other.main == "ones"
    assert "cannot decide" in other.advice()


def test_a_damaged_file_is_drawn_anew(found, store) -> None:
    """As after a power failure: the settings before it are judged with what is there, it is not."""
    result, _ = found
    for key in store.keys():  # noqa: SIM118
        path = store.folder / f"{key}.safetensors"
        path.write_bytes(path.read_bytes()[:50])
        again = answer(question(), store)
        assert [row.figure for row in again.rows] == [row.figure for row in result.rows]


def test_killed_at_any_moment_the_same_call_goes_on_to_the_same_table(tmp_path) -> None:
    """`python -m studies.killed` does so with whole commands, all phases and workers."""
    asked, there = question(count=1000), Store(tmp_path / "killed")
    code = f"import sys; sys.path[:] = {sys.path!r}; from tests.pilot.compare.toy import question; "
    code += "from dguide.pilot.compare import answer; from dguide.study import Store; "
    code += f"answer(question(count=1000), Store({there.url!r}))"
    child = start("-c", code, out=tmp_path / "out", err=tmp_path / "err")
    while child.is_alive() and not there.keys():
        time.sleep(0.001)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL, (tmp_path / "err").read_text()
    kept = {key: (there.folder / f"{key}.safetensors").stat().st_mtime_ns for key in there.keys()}  # noqa: SIM118
    again, whole = answer(asked, there), answer(asked, Store("memory://whole"))
    assert 0 < len(kept) < len(there.keys())
    assert all((there.folder / f"{key}.safetensors").stat().st_mtime_ns == time for key, time in kept.items())
    assert [replace(row, seconds=None) for row in again.rows] == [replace(row, seconds=None) for row in whole.rows]
    assert again.advice() == whole.advice()


def test_equal_settings_of_equal_seeds_have_equal_samples(found) -> None:
    result, _ = found
    assert torch.equal(result.samples["constant:2.0"], result.samples["constant:2.0001"])
    low, high = (result.row(name, "equal tokens").figure.value for name in ("constant:0.0", "constant:2.0001"))
    assert low < high


def test_log_z_of_each_setting_that_asks_both_networks_is_measured(found) -> None:
    result, _ = found
    assert set(result.diagnostics) == {"constant:2.0", "constant:2.0001"}
    assert float(result.diagnostics["constant:2.0"].log_z.nan_to_num().max()) > 0


def test_all_mistakes_are_told_at_once(store) -> None:
    wrong = question(SETTINGS[:1], seeds=(0,), figure="x", baseline="y", detect=-1.0)
    with pytest.raises(dguide.InputError) as told:
        answer(wrong, store)
    text = str(told.value)
    assert all(
        part in text for part in ("settings: got 1", "unknown baseline", "unknown figure", "difference to detect")
    )


def test_dguide_compare_tells_all_mistakes_at_once() -> None:
    options = {"process": PROBLEM.process, "length": 2, "condition": torch.zeros(1, dtype=torch.int64)}
    with pytest.raises(dguide.InputError) as told:
        dguide.compare(PROBLEM.oracle(), SETTINGS, seeds=(0, -1), count=0, baseline="y", language="fr", **options)
    text = str(told.value)
    expected = ("unknown language", "data: got none", "seed: got -1", "count: got 0", "unknown baseline")
    assert [each for each in expected if each not in text] == []


def test_names_leave_out_what_all_settings_have() -> None:
    settings = grid(("normalized", "unlocking"), (1, 2), ("ancestral:steps=2",))
    asked = question(settings)
    assert list(asked.settings) == [f"{m} constant:{w}.0" for m in ("normalized", "unlocking") for w in (1, 2)]
    assert asked.common == "ancestral:steps=2"
    assert question(settings, baseline=settings[2].label).reference == "unlocking constant:1.0"


def test_dguide_compare_writes_what_it_returns(tmp_path) -> None:
    options = {"process": PROBLEM.process, "length": 2, "condition": torch.zeros(1, dtype=torch.int64), "count": 100}
    found = dguide.compare(PROBLEM.oracle(), SETTINGS[:2], [EQUAL, ONES], name="toy", out=tmp_path, **options)
    assert [row["setting"] for row in found.table] == ["constant:0.0"] * 2 + ["constant:2.0"] * 2
    assert (tmp_path / "compare.md").read_text().startswith(found.advice())
    for wrong in ({"process": None}, {"length": None}):
        with pytest.raises(dguide.InputError, match="both, for a denoiser"):
            dguide.compare(PROBLEM.oracle(), SETTINGS, [EQUAL], **(options | wrong))
    with pytest.raises(dguide.InputError, match="none, since it has its own"):
        dguide.compare("digits-masked", SETTINGS, length=3)


def test_a_data_frame_has_the_rows_where_pandas_is(found, monkeypatch) -> None:
    result, _ = found
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pandas", None)
        with pytest.raises(dguide.errors.MissingExtra, match="pip install pandas"):
            result.to_pandas()
    pytest.importorskip("pandas")
    assert list(result.to_pandas()["setting"]) == [row["setting"] for row in result.table]
