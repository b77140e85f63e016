from __future__ import annotations

import io
import re
import sys

import pytest

from dguide.progress import Course, Progress, counted, duration


class Screen(io.StringIO):
    """A terminal that somebody watches."""

    def isatty(self) -> bool:
        return True


def watched(monkeypatch):
    """Standard error, as a terminal; made in the test itself, since pytest takes it away before."""
    monkeypatch.setattr(sys, "stderr", Screen())
    return sys.stderr


@pytest.fixture(params=["log", "terminal without tqdm"])
def unwatched(request, monkeypatch):
    """Makes standard error a place where there is no bar, and returns it."""

    def start():
        if request.param == "log":
            monkeypatch.setattr(sys, "stderr", io.StringIO())
        else:
            monkeypatch.setitem(sys.modules, "tqdm", None)
            watched(monkeypatch)
        return sys.stderr

    return start


def test_durations_are_told_in_words():
    assert [duration(x) for x in (0.4, 59.4, 60, 125)] == ["0 s", "59 s", "1 min 00 s", "2 min 05 s"]


def test_progress_counts_down_in_proportion_to_the_work(capsys, monkeypatch):
    now = iter([0.0, 0.0, 2.0, 2.0, 6.0, 6.0, 7.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    progress = Progress(3, work=6.0, seconds=10.0)
    for name, work, seconds in (("one", 2.0, 0.0), ("two", 4.0, 0.0), ("three", 0.0, 10.0)):
        with progress.task(name, work, seconds):
            pass
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "[1/3] one ... 2.0 s, about 14 s left"  # four more units of a second, and ten seconds
    assert lines[1] == "[2/3] two ... 4.0 s, about 10 s left"
    assert lines[2] == "[3/3] three ... 1.0 s"
    assert progress.log == {"one": 2.0, "two": 4.0, "three": 1.0}


def test_progress_knows_what_still_fits(capsys, monkeypatch):
    now = iter([0.0, 0.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    progress = Progress(4, work=4.0, seconds=10.0)
    with progress.task("one", 1.0):
        pass
    assert progress.fits(1.0, 14.0)  # two seconds are over, two for the task, ten for the rest
    assert not progress.fits(1.0, 13.9)
    progress.leave_out(2, 2.0)
    assert (progress.tasks, progress.work) == (2, 2.0)


def test_a_task_that_speaks_has_lines_of_its_own(unwatched, monkeypatch):
    screen = unwatched()
    now = iter([0.0, 0.0, 2.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    with Progress(1, work=1.0).task("training", speaks=True), Course() as course:
        course.say("step 1")
    assert screen.getvalue() == "[1/1] training ...\nstep 1\n[1/1] training ... 2.0 s\n"


def test_a_terminal_shows_a_bar_of_the_tasks(monkeypatch):
    screen = watched(monkeypatch)
    progress = Progress(2, work=2.0)
    for name in ("one", "two"):
        with progress.task(name, 1.0):
            pass
    shown = screen.getvalue()
    assert re.search(r"\r\[2/2\] two: +50%.*1/2", shown)
    kept = [line.rpartition("\r")[2] for line in shown.split("\n")]
    assert re.fullmatch(r"\[1/2\] one \.\.\. 0\.0 s, about 0 s left", kept[0])
    assert re.fullmatch(r"\[2/2\] two \.\.\. 0\.0 s", kept[1])


def test_a_log_gets_a_line_a_minute(unwatched, monkeypatch):
    screen = unwatched()
    now = iter([0.0, 100.0, 120.0, 159.0, 160.0, 170.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    with Course() as course:
        course.start(0.5)  # an earlier sitting did that
        for share in (0.6, 0.7, 0.75, 0.8):
            course.show(share, f"loss {share}")
        course.say("evaluated")
    assert screen.getvalue() == " 75.0%, loss 0.75, about 1 min 00 s left\nevaluated\n"


def test_a_terminal_shows_the_course_in_one_line(monkeypatch):
    screen = watched(monkeypatch)
    with Course() as course:
        course.start(0.5)
        course._bar.mininterval = 0
        course.show(0.75, "loss 3")
        course.say("evaluated")
    shown = screen.getvalue()
    assert re.search(r"\r 75\.0%, loss 3 \[00:00, 00:00 left\]", shown)
    assert "evaluated\n" in shown


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_nothing_is_shown_where_it_is_not_wanted(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream())
    monkeypatch.setattr("dguide.progress._EVERY", 0.0)
    with Course(visible=False) as course:
        course.show(0.5, "loss 3")
        course.say("evaluated")
    assert sys.stderr.getvalue() == ""


def test_a_log_does_not_count(unwatched):
    screen = unwatched()
    items = [1, 2]
    assert counted(items, 2, "reading") is items
    assert screen.getvalue() == ""


def test_a_terminal_counts(monkeypatch):
    screen = watched(monkeypatch)
    assert list(counted(iter([1, 2]), 2, "reading")) == [1, 2]
    assert "reading" in screen.getvalue()
