"""The pages of results have the numbers of the results, and say of each study that is not there what makes it."""

from __future__ import annotations

import json

import pytest

from studies.common import ROOT
from studies.evidence import NAMES, named


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_numbers_of_its_results_or_the_command_that_makes_them(name):
    study = named(name)
    page = (ROOT / "docs" / study.page).read_text(encoding="utf-8")
    assert study.command in page
    if study.results.exists():
        assert json.loads(study.results.read_text(encoding="utf-8"))["made by"] == study.command
        assert study.text() == page, f"{study.command} --fill"
    else:
        assert f"Not measured yet. `{study.command}`" in page
