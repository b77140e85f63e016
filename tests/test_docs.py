"""What the documents say is run, or at least looked up."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import dguide
from dguide.cli import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fences(document, language):
    return [body for kind, body in FENCE.findall(document.read_text(encoding="utf-8")) if kind == language]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_in_documents_runs(document):
    names: dict[str, object] = {"__name__": document.stem}
    for body in fences(document, "python"):  # one namespace a document, as a reader would have it
        exec(compile(body, str(document), "exec", dont_inherit=True), names)


def test_there_is_something_to_run():
    assert len(fences(ROOT / "README.md", "python")) >= 1
    assert len(fences(ROOT / "CONTRIBUTING.md", "python")) >= 3


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_command_lines_use_options_that_exist(document, capsys):
    text = document.read_text(encoding="utf-8")
    lines = [line for body in fences(document, "sh") for line in body.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(dguide [^`]+)`", text)
    for line in lines:
        words = shlex.split(line, comments=True)
        while words[1:2] == ["--import"]:  # an option of dguide itself
            del words[1:3]
        if words[:1] != ["dguide"] or len(words) < 2:
            continue
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        command = [] if words[1].startswith("--") else [words[1]]
        assert main([*command, "--help"]) == 0, line
        help_text = capsys.readouterr().out
        assert all(f"{option} " in help_text for option in options), line


def test_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test", "lint", "bench", "clean"} <= targets
    for document in DOCUMENTS:
        for named in re.findall(r"(?:`|^    )make ([\w-]+)", document.read_text(encoding="utf-8"), re.MULTILINE):
            assert named in targets


def test_the_readme_names_every_mechanism_schedule_and_sampler():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    schedules = [name for name in dguide.guidance.__all__ if _is_schedule(name)]
    assert len(schedules) >= 11
    for name in (*schedules, "Normalized", "Unlocking", "Simple", "Ancestral", "Euler", "TauLeaping", "FirstHitting"):
        assert f"`{name}" in text, name


def test_the_readme_has_a_line_for_every_command(capsys):
    assert main(["--help"]) == 0
    commands = re.findall(r"^  ([\w-]+)  +\S", capsys.readouterr().out.partition("Commands:")[2], re.MULTILINE)
    assert len(commands) >= 8
    lines = "".join(fences(ROOT / "README.md", "sh"))
    assert [name for name in commands if not re.search(rf"^dguide {name} .*#", lines, re.MULTILINE)] == []


def _is_schedule(name):
    thing = getattr(dguide.guidance, name)
    return isinstance(thing, type) and issubclass(thing, dguide.Schedule) and thing is not dguide.Schedule


def test_the_changelog_has_this_version():
    assert f"## {dguide.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
