"""The programs in studies/ and benchmarks/ say what they do, and the pages have the numbers of their results."""

from __future__ import annotations

import importlib
import json
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted(
    f"{path.parent.name}.{path.stem}"
    for folder in ("studies", "benchmarks")
    for path in (ROOT / folder).glob("*.py")
    if path.stem != "__init__"
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_says_what_is_measured_what_is_written_and_how_long_it_takes(program, monkeypatch, capsys):
    """And it starts nothing."""
    about = "benchmark" if "__main__" in program else importlib.import_module(program).__doc__.splitlines()[0]
    monkeypatch.setattr("sys.argv", ["it", "--help"])
    monkeypatch.delitem(sys.modules, program, raising=False)  # as in a process of its own
    with pytest.raises(SystemExit) as end:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    assert end.value.code in (0, None)
    said = capsys.readouterr().out
    assert about in said
    assert re.search(r"^writes: \S", said, re.MULTILINE)
    assert re.search(r"^takes: +\S", said, re.MULTILINE)


STUDIES = [name for name in PROGRAMS if hasattr(importlib.import_module(name), "STUDY")]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
WITHOUT = {
    "studies.coverage": "a folder, which fills its page itself",
    "studies.run": "the studies of docs/results.md, which test_evidence.py compares with their pages",
    "studies.results": "writes docs/results.md from what is stored; test_evidence.py compares them",
    "studies.imagenet": "needs published weights; no page has its numbers",
    "benchmarks.models": "times the machine of who reads; no page has its numbers",
}
"""Commands that pages name although they are no `Study`."""


@pytest.mark.parametrize("program", STUDIES)
def test_the_numbers_of_a_page_are_those_of_the_results_and_these_name_their_command(program):
    study = importlib.import_module(program).STUDY
    assert json.loads(study.results.read_text(encoding="utf-8"))["made by"] == f"python -m {program}"
    page = ROOT / "docs" / study.page
    assert study.text() == page.read_text(encoding="utf-8"), f"python -m {program} --fill"
    assert f"python -m {program}" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "figure,value,sampling_seconds\nrecall,0.5,TIME\n"),
        ("a.json", '{"value": 0.5, "rows": [{"seconds": TIME}]}'),
        ("a.md", "| figure | value | seconds |\n| --- | --- | --- |\n| recall | 0.5 | TIME |\n"),
        (
            "a.html",
            "<table><tr><th>value</th><th>seconds</th></tr><tr><td>0.5</td><td>TIME</td></tr></table> in TIME s",
        ),
    ],
)
def test_folders_are_compared_by_all_but_times(name, text, tmp_path):
    pytest.importorskip("pyarrow")
    same_files = importlib.import_module("studies.same_files")
    folders = [tmp_path / each for each in ("one", "same", "other")]
    for folder, value, time in zip(folders, ("0.5", "0.5", "0.6"), ("1.5", "2.5", "1.5"), strict=True):
        folder.mkdir()
        (folder / name).write_text(text.replace("TIME", time).replace("0.5", value))
        (folder / f".{name}.lock").write_text(time)
    assert same_files.differing(folders[0], folders[1]) == []
    assert same_files.differing(folders[0], folders[2]) == [name]
    (folders[1] / "more").touch()
    assert same_files.differing(folders[0], folders[1]) == ["more"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_commands_that_a_page_names_keep_its_numbers_in_a_file(page):
    """So that the test above compares the page with it."""
    named = set(re.findall(r"python -m ((?:studies|benchmarks)\.\w+)", page.read_text(encoding="utf-8")))
    assert named - {*STUDIES, *WITHOUT} == set()
