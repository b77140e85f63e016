"""Studies of docs/results.md: interrupted and resumed, reduced, and listed."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import re
import signal
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("sklearn")  # the digits

from dguide import checkpoint
from studies import quick, run
from studies.evidence import NAMES, Evidence, NotMade, Scale, evidence, named, page, stored
from studies.evidence import sceptic_draws as draws

ROOT = Path(__file__).parents[1]
PARTS = range(3)
FORK = multiprocessing.get_context("fork")


def study(folder, at=None, fault=lambda: None):
    """A study of three parts; before part `at` is made, there is a fault."""

    def make(number):
        if number == at:
            fault()
        with (folder.parent / "made").open("a") as made:
            made.write(f"{number} ")
        return {"square": number**2, "pair": (number, 0.1)}

    def compute(scale):
        return {"parts": [scale.kept({"number": number}, lambda number=number: make(number)) for number in PARTS]}

    return Evidence("fake", "hours", "minutes", compute, lambda found: {"fake": str(found["parts"])})


def measured(folder, **options):
    found = study(folder, **options).measure(Scale(False, folder))
    return {name: value for name, value in found.items() if name not in ("seconds of one core", "date")}


def times_made(folder):
    return sorted(map(int, (folder.parent / "made").read_text().split()))


def test_a_study_that_is_killed_between_parts_ends_with_the_same_results(tmp_path):
    whole, halved = tmp_path / "a/parts", tmp_path / "b/parts"
    for folder in (whole, halved):
        folder.mkdir(parents=True)
    killed = FORK.Process(
        target=measured, args=(halved,), kwargs={"at": 1, "fault": lambda: os.kill(os.getpid(), signal.SIGKILL)}
    )
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert times_made(halved) == [0]
    assert measured(halved) == measured(whole) == measured(whole)
    assert times_made(halved) == times_made(whole) == [*PARTS]


def test_the_time_of_parts_that_were_made_before_counts_once(tmp_path):
    folder = tmp_path / "parts"
    study(folder).measure(Scale(False, folder))
    for path in folder.glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds": 100.0, "commit": "another"}))
    again = study(folder)
    twice = replace(again, compute=lambda scale: again.compute(scale) | again.compute(scale))
    found = twice.measure(Scale(False, folder))
    assert 300 <= found["seconds of one core"] < 310
    assert found["commits of parts"] == ["another"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"square": 1', '"square": 7'),
        lambda text: text.replace('{"number": 1}', '{"number": 9}'),
        lambda text: re.sub(r'"seconds": [^,]*, ', "", text),
        lambda text: re.sub(r'"seconds": [^,]*', '"seconds": NaN', text),
        lambda text: re.sub(r'"seconds": [^,]*', '"seconds": -1', text),
        lambda text: re.sub(r'"seconds": [^,]*', '"seconds": null', text),
        lambda text: re.sub(r'"commit": "[^"]*", ', "", text),
        lambda text: re.sub(r'"commit": "[^"]*"', '"commit": 7', text),
        lambda text: re.sub(r'"result": .*', '"result": 3}', text),
        lambda text: "[]",
        lambda text: "\xff",
    ],
)
def test_a_damaged_part_is_made_again_and_said_so(damage, tmp_path, capsys):
    folder = tmp_path / "parts"
    whole = measured(folder)
    (part,) = (path for path in folder.glob("*.json") if '{"number": 1}' in path.read_text())
    text = part.read_text()
    assert damage(text) != text
    part.write_text(damage(text), encoding="latin-1")
    assert measured(folder) == whole
    assert times_made(folder) == [0, 1, 1, 2]
    assert f"{part}: damaged" in capsys.readouterr().err
    assert json.loads(part.read_text())["result"]["square"] == 1


def test_a_part_of_the_first_days_without_a_checksum_is_taken(tmp_path):
    folder = tmp_path / "parts"
    whole = measured(folder)
    for path in folder.glob("*.json"):
        record = json.loads(path.read_text())
        del record["sha256"]
        path.write_text(json.dumps(record))
    assert measured(folder) == whole
    assert times_made(folder) == [*PARTS]


def test_two_processes_work_in_one_folder_at_once(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    both = FORK.Barrier(2, timeout=20)  # so that nobody waits for one that failed
    started = [FORK.Process(target=measured, args=(folder,), kwargs={"at": 1, "fault": both.wait}) for _ in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join(30)
    assert [process.exitcode for process in started] == [0, 0]
    before = (folder.parent / "made").read_text()
    assert before.split().count("1") == 2  # both were in the same part
    whole = tmp_path / "c/parts"
    whole.mkdir(parents=True)
    assert measured(folder) == measured(whole)
    assert (folder.parent / "made").read_text() == before
    assert sorted(path.suffix for path in folder.iterdir()) == [".json"] * 3


def test_samples_of_other_weights_or_settings_are_drawn_anew(tmp_path):
    loads = []
    size = draws.Size(4, 1, (0,), {}, 1)

    def load():
        loads.append(1)
        return checkpoint.load(ROOT / "checkpoints" / draws.MODEL)

    source, scale = draws.Source("it", "a", {}, load), Scale(False, tmp_path)
    first = source.drawn(scale, size, "none", 0)
    assert first.shape == (4, 64)
    assert (source.drawn(scale, size, "none", 0) == first).all()
    assert len(loads) == 1
    replace(source, sha256="b").drawn(scale, size, "none", 0)
    assert len(loads) == 2
    assert (source.drawn(scale, size, "none", 1) != first).any()
    source.drawn(scale, replace(size, steps=2), "none", 0)
    source.drawn(scale, replace(size, count=3), "none", 0)
    assert len(loads) == 5


def test_a_reduced_study_writes_into_its_own_folder_only(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(run, "QUICK", tmp_path / "quick")
    monkeypatch.setattr(
        run, "write", lambda path, text: (written.append(path), path.parent.mkdir(), path.write_text(text))
    )
    monkeypatch.setattr(run.results, "fill", lambda: written.append("the page"))
    it = replace(study(tmp_path / "parts"), pictures=lambda found, folder: written.append(folder / "a picture"))
    assert run.run(it, quick=True, folder=tmp_path / "parts") == tmp_path / "quick/fake.json"
    assert written == [tmp_path / "quick/fake.json", tmp_path / "quick/a picture"]
    assert json.loads((tmp_path / "quick/fake.json").read_text())["quick"] is True


def test_each_study_has_a_name_of_its_own_its_sections_and_its_times():
    assert len(set(NAMES)) == len(NAMES)
    for name in NAMES:
        it = named(name)
        assert (it.name, it.command) == (name, f"python -m studies.run {name}")
        assert it.takes
        assert it.takes_quick
        text = (ROOT / "docs" / it.page).read_text(encoding="utf-8")
        assert re.search(rf"<!-- begin {name}\b", text), f"docs/{it.page} has no marks of {name}"
        assert f"`{it.command}`" in page.PAGE.read_text(encoding="utf-8")


def test_the_help_lists_the_times_of_every_study(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["run", "--help"])
    with pytest.raises(SystemExit):
        run.main()
    said = capsys.readouterr().out
    for it in map(named, NAMES):
        assert f"{it.name}: {it.takes}; --quick {it.takes_quick}" in said


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_study_has_its_stored_results(name):
    it = named(name)
    if not it.results.exists():
        assert "not measured yet" in page.studies(page.results())
        return
    assert (it.found()["made by"], it.found()["quick"]) == (it.command, False)
    assert it.text() == (ROOT / "docs" / it.page).read_text(encoding="utf-8"), f"{it.command} --fill"


def test_the_first_page_is_that_of_the_stored_results():
    assert page.text(page.results()) == page.PAGE.read_text(encoding="utf-8"), "python -m studies.results"


def test_parts_that_are_there_are_taken_and_none_is_made(tmp_path):
    folder = tmp_path / "parts"
    kept = Scale(False, folder, makes=False)
    with pytest.raises(NotMade, match="'number': 0"):
        study(folder).measure(kept)
    assert not (tmp_path / "made").exists()
    whole = measured(folder)
    again = study(folder).measure(kept)
    assert {name: again[name] for name in whole} == whole
    assert times_made(folder) == [*PARTS]


def test_after_the_minutes_no_further_part_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "_spent", count(step=60.0).__next__)  # each part takes a minute
    folder = tmp_path / "parts"
    with pytest.raises(NotMade, match="'number': 2"):
        study(folder).measure(Scale(False, folder, minutes=1.5))
    assert times_made(folder) == [0, 1]
    study(folder).measure(Scale(False, folder, minutes=0.5))  # kept parts cost none of them
    assert times_made(folder) == [*PARTS]


def test_the_time_of_a_part_that_is_made_counts_once_and_so_does_what_is_not_kept(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(evidence, "_spent", lambda: clock[0])

    def spend(seconds):
        clock[0] += seconds
        return {"it": seconds}

    def compute(scale):
        spend(7.0)
        return scale.kept({"number": 1}, lambda: spend(100.0))

    found = replace(study(tmp_path), compute=compute).measure(Scale(False, tmp_path))
    assert found["seconds of one core"] == 107
    assert replace(study(tmp_path), compute=compute).measure(Scale(False, tmp_path))["seconds of one core"] == 107


def test_the_first_words_of_the_verdicts_are_read_as_those_of_today(tmp_path):
    path = tmp_path / "found.json"
    path.write_text('{"hypotheses": [{"verdict": "is wrong"}], "counts": {"holds": 3, "is open": 0}}')
    assert stored(path) == {"hypotheses": [{"verdict": "refuted"}], "counts": {"confirmed": 3, "undecided": 0}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fill", "--folder", "x"], "Leave one of them out"),
        (["--fill", "--kept"], "Leave one of them out"),
        (["--fill", "--minutes", "1"], "Leave one of them out"),
        (["--minutes", "0"], "expected more than 0"),
        (["--minutes", "nan"], "expected more than 0"),
        (["--minutes", "1", "--kept"], "no --kept"),
        (["--fill", "--quick"], "Run it without --fill first"),
        (["--kept", "--folder", "nowhere"], "Run it without --kept first"),
    ],
)
def test_what_cannot_be_filled_or_taken_is_refused_with_the_remedy(words, said, monkeypatch, tmp_path, capsys):
    it = replace(study(tmp_path / "nowhere"), name="sceptic")
    monkeypatch.setattr(run, "QUICK", tmp_path)
    monkeypatch.setattr(run, "named", lambda name: it)
    monkeypatch.setattr("sys.argv", ["run", NAMES[0], *words])
    with pytest.raises(SystemExit) as end:
        run.main()
    assert end.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.fixture
def both(monkeypatch, tmp_path):
    """Two reduced studies, of which the first fails; their pages in a folder of the test."""
    studies = {name: replace(named("sceptic"), name=name) for name in ("bad", "good")}
    reduced = json.loads(named("sceptic").results.read_text(encoding="utf-8")) | {"count": 77777}

    def subprocess_run(command, cwd, stdout, stderr):
        name = command[3]
        assert command[1:] == ["-m", "studies.run", name, "--quick"]
        stdout.write(f"{name} speaks".encode())
        if name == "good":
            (tmp_path / "good.json").write_text(json.dumps(reduced))
        return SimpleNamespace(returncode=int(name == "bad"))

    monkeypatch.setattr(quick, "QUICK", tmp_path)
    for module in (quick, page):
        monkeypatch.setattr(module, "named", studies.__getitem__)
    monkeypatch.setattr(quick.subprocess, "run", subprocess_run)
    return tmp_path


def test_a_reduced_study_that_fails_does_not_stop_the_others_and_is_listed(both, monkeypatch):
    (both / "bad.json").write_text("of an earlier run")
    assert quick.run_all(("bad", "good")) == ["bad"]
    assert not (both / "bad.json").exists()
    assert [(both / f"{name}.log").read_text() for name in ("bad", "good")] == ["bad speaks", "good speaks"]
    monkeypatch.setattr(quick, "run_all", lambda: ["bad"])
    monkeypatch.setattr(quick, "pages", lambda failed: [])
    monkeypatch.setattr(quick, "NAMES", ())
    monkeypatch.setattr("sys.argv", ["quick"])
    with pytest.raises(SystemExit, match="bad"):
        quick.main()
    assert importlib.import_module("studies.results").fill  # the page of docs/ is another command


def test_the_reduced_pages_say_so_and_their_links_lead_from_their_folder(both, monkeypatch):
    monkeypatch.setattr(page, "NAMES", ("good",))
    failed = quick.run_all(("bad", "good"))
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "docs").rglob("*")}
    written = quick.pages(failed, ("bad", "good"))
    assert before == {path: path.stat().st_mtime_ns for path in (ROOT / "docs").rglob("*")}
    assert {path.name for path in written} == {"results.md", "sceptic.md"}
    assert "77777" in (both / "sceptic.md").read_text()
    assert "](results.svg)" in (both / "results.md").read_text()
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert text.splitlines()[2].startswith("**Reduced size**")
        assert "Failed: bad." in text.splitlines()[2]
        for target in re.findall(r"\]\(([^)#]+)", text):
            assert (
                "://" in target or (ROOT / "results-quick" / target).resolve().exists() or (both / target).exists()
            ), target
