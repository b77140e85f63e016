"""The files say what the result says."""

from __future__ import annotations

import csv
import json
import math

import pytest
import torch

from dguide.data import load
from dguide.pilot.compare import answer, charts, markdown, write
from dguide.pilot.compare.charts import samples_sheet
from dguide.study import Store
from tests.pilot.compare.toy import question

pyarrow = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return answer(question(), Store(tmp_path_factory.mktemp("toy")))


def test_parquet_csv_and_json_have_the_same_rows(found, tmp_path) -> None:
    paths = {path.name: path for path in write(found, tmp_path)}
    table = pyarrow.read_table(paths["compare.parquet"]).to_pylist()
    rows = list(csv.DictReader(paths["compare.csv"].open(encoding="utf-8")))
    content = json.loads(paths["compare.json"].read_text(encoding="utf-8"))
    assert content["advice"] == found.advice()
    assert len(table) == len(rows) == len(content["rows"]) == 6
    for one, two, three in zip(table, rows, content["rows"], strict=True):
        assert (one["setting"], one["figure"]) == (two["setting"], two["figure"]) == (three["setting"], three["figure"])
        for name in ("value", "low", "difference", "difference_high", "level"):
            if math.isnan(one[name]):
                assert two[name] == ""
                assert three[name] is None
            else:
                assert one[name] == float(two[name]) == three[name]
    assert set(paths) >= {"weight.png", "calls.png", "strength.png"}
    assert "samples.png" not in paths  # the tokens of the toy are no images


def test_the_page_begins_with_the_advice_and_has_each_setting(found) -> None:
    lines = markdown(found).splitlines()
    assert lines[0] == found.advice()
    for name in found.settings:
        assert sum(line.startswith(f"| {name} |") for line in lines) == 1
    assert "| 97.5 % interval |" in "\n".join(lines)  # two comparisons


def drawn(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_figures_show_each_setting_where_its_values_are(found) -> None:
    made = charts(found)
    (axes,) = made["calls.png"].axes
    points = {
        line.get_label(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_marker() != "None"
    }
    for name in found.settings:
        row = found.row(name, found.main)
        assert points[name] == (sum(row.calls), row.figure.value)
    (line,) = [each for each in made["weight.png"].axes[0].lines if len(each.get_xdata()) == 3]
    assert list(line.get_xdata()) == [0, 2, 2.0001]
    assert drawn(made["strength.png"])[:2] == ["constant:2.0", "constant:2.0001"]


def test_samples_stand_side_by_side(found) -> None:
    import dataclasses

    digits = load("digits")
    tokens = dict.fromkeys(found.settings, digits.test.tokens[:4])
    sheet = samples_sheet(dataclasses.replace(found, codec=digits.codec, samples=tokens))
    picture = sheet.axes[0].images[0].get_array()
    assert picture.shape[:2] == (3 * 9 + 1, 4 * 9 + 1)
    assert (torch.tensor(picture[1:9]) == torch.tensor(picture[10:18])).all()
    assert "row 3: constant:2.0001" in sheet._suptitle.get_text()
