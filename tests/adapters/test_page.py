"""The page "Guide your model" keeps to ten lines a family, and has a section for each."""

from __future__ import annotations

import re
from pathlib import Path

from dguide.adapters import CONVENTIONS
from dguide.adapters.check.run import _QUESTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "guide-your-model.md").read_text(encoding="utf-8")


def test_each_family_takes_at_most_ten_lines_of_code():
    families = PAGE.partition("## LLaDA")[2].partition("## Does it fit?")[0]
    blocks = re.findall(r"^```python\n(.*?)^```", families, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 8
    assert max(block.strip().count("\n") + 1 for block in blocks) <= 10
    named = {name for name in CONVENTIONS if f'"{name}"' in families}
    assert named == set(CONVENTIONS)


def test_the_page_explains_each_question():
    for asked in _QUESTIONS:
        assert f"\n| {asked.name} |" in PAGE
