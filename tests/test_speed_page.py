"""The page of the benchmarks says what their results say."""

from __future__ import annotations

import json

import pytest

from benchmarks import common, page
from benchmarks.targets import TARGETS, verdict


def test_the_page_is_up_to_date():
    page.main(["--check"])


def test_a_page_that_is_not_is_refused(tmp_path, monkeypatch):
    stale = tmp_path / "speed.md"
    stale.write_text(page.PAGE.read_text(encoding="utf-8").replace("<!-- end speed -->", "fast\n<!-- end speed -->"))
    monkeypatch.setattr(page, "PAGE", stale)
    with pytest.raises(SystemExit, match=r"python -m benchmarks\.page"):
        page.main(["--check"])
    page.main()
    page.main(["--check"])


def test_what_was_not_measured_is_said():
    text = page.filled(page.PAGE.read_text(encoding="utf-8"), {})
    assert text.count(page.MISSING) >= 7
    assert "falls short" not in text.lower()
    assert text.count("| not measured |") == len(TARGETS)


def test_what_falls_short_is_said():
    target = next(target for target in TARGETS if "Poisson" in target.text)
    seconds = {"poisson": 299.0, "dguide tau-leaping": 1.0, "dguide ancestral": 1.0}
    found = {"batch": 1, "length": 1, "vocab": 2, "steps": 1, "seconds": seconds, "baselines": "whole runs"}
    results = {"speed": {"machine": common.machine(), "results": {"image": found}}}
    value = target.value(results)
    assert value == 299
    assert verdict(target, value) == "**no**"
    text = page.targets(results)
    assert f"**Falls short:**\n\n- {target.text}: 299 x, asked at least 300 x" in text
    seconds["poisson"] = 300.0
    assert verdict(target, target.value(results)) == "yes"
    assert "Of what was measured nothing falls short." in page.targets(results)


def test_results_are_replaced_whole(tmp_path):
    path = common.write("x", common.machine(), {"a": 1}, tmp_path)
    assert json.loads(path.read_text())["results"] == {"a": 1}
    with pytest.raises(TypeError):
        common.write("x", common.machine(), {"a": object()}, tmp_path)
    assert json.loads(path.read_text())["results"] == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
