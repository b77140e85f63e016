"""A page is printed by the browser that is found, or an error says what to install."""

from __future__ import annotations

import os
import stat
import sys

import pytest
from report_examples import report

from dguide import InputError
from dguide.pilot.report import browser, find_browser, page, pdf

posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for a browser is a shell script")


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A machine without a browser."""
    monkeypatch.delenv("DGUIDE_BROWSER", raising=False)
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(browser, "_INSTALLED", ())
    return tmp_path


def program(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def written(folder):
    (folder / "report.html").write_text(page(report()), encoding="utf-8")
    return folder / "report.html"


PRINTS = 'for each in "$@"; do case $each in --print-to-pdf=*) printf "%%PDF-1.4 of $#" > "${each#*=}";; esac; done'


def test_without_a_browser_the_error_says_what_to_install(alone):
    with pytest.raises(InputError, match=r"Chromium, Chrome or Edge.*playwright install chromium.*DGUIDE_BROWSER"):
        pdf(written(alone), alone / "report.pdf")
    assert not (alone / "report.pdf").exists()


@posix
def test_browsers_are_found_by_name_in_the_folder_of_playwright_and_in_the_environment(alone, monkeypatch):
    cache = program(alone / "home/.cache/ms-playwright/chromium-1200/chrome-linux64/chrome", "")
    program(alone / "home/.cache/ms-playwright/chromium-1100/chrome-linux64/chrome", "")
    assert find_browser() == cache
    edge = program(alone / "bin/microsoft-edge", "")
    assert find_browser() == edge
    monkeypatch.setenv("DGUIDE_BROWSER", str(program(alone / "own", "")))
    assert find_browser() == alone / "own"
    monkeypatch.setenv("DGUIDE_BROWSER", str(alone / "missing"))
    with pytest.raises(InputError, match="DGUIDE_BROWSER"):
        find_browser()


@posix
def test_a_page_is_printed(alone):
    program(alone / "bin/chromium", PRINTS)
    pdf(written(alone), alone / "report.pdf")
    assert (alone / "report.pdf").read_text().startswith("%PDF")


@posix
@pytest.mark.parametrize("body", ["echo no space >&2", "echo no space >&2; exit 3", 'echo "no space"; exit 0'])
def test_a_browser_that_prints_nothing_is_quoted_and_leaves_the_old_file(alone, body):
    (alone / "report.pdf").write_text("old")
    with pytest.raises(InputError, match="no space"):
        pdf(written(alone), alone / "report.pdf", program(alone / "bin/chromium", body))
    assert (alone / "report.pdf").read_text() == "old"
    assert sorted(os.listdir(alone)) == ["bin", "report.html", "report.pdf"]


@posix
def test_a_browser_that_hangs_is_ended(alone, monkeypatch):
    monkeypatch.setattr(browser, "_SECONDS", 0.2)
    hangs = program(alone / "bin/chromium", "exec /bin/sleep 20")
    with pytest.raises(InputError, match=r"within 0\.2 seconds"):
        pdf(written(alone), alone / "report.pdf", hangs)


def test_a_page_that_is_missing_is_named(alone):
    with pytest.raises(InputError, match=r"nowhere\.html"):
        pdf(alone / "nowhere.html", alone / "report.pdf", alone)


def test_a_real_browser_prints_the_page(tmp_path):
    try:
        found = find_browser()
    except InputError as error:
        pytest.skip(str(error))
    pdf(written(tmp_path), tmp_path / "report.pdf", found)
    assert (tmp_path / "report.pdf").stat().st_size > 5000
