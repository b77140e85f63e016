"""The page is valid, safe, complete without scripts, and the same for everybody who reads it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree.ElementTree import Element

import pytest
from report_examples import HOSTILE, report

from dguide.pilot.report import Cell, Table, page

html5lib = pytest.importorskip("html5lib")
LANGUAGES = ("en", "ja")
both = pytest.mark.parametrize("language", LANGUAGES)


def read(text: str) -> Element:
    """The tree of a page. Raises at the first mistake in its HTML."""
    parser = html5lib.HTMLParser(html5lib.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False)
    tree = parser.parse(text)
    for element in tree.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return tree


def words(element: Element) -> str:
    return "".join(element.itertext())


@both
def test_the_html_is_valid_and_in_its_language(language):
    tree = read(page(report(language=language)))
    assert tree.get("lang") == language
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in tree.iter():
        for key in ("aria-labelledby", "aria-describedby"):
            assert element.get(key) is None or element.get(key) in ids
        target = element.get("href", "")
        assert not target.startswith("#") or target[1:] in ids


@both
def test_nothing_is_loaded_from_elsewhere(language):
    text = page(report(language=language))
    for element in read(text).iter():
        for key in ("src", "href", "action", "srcset", "data", "{http://www.w3.org/1999/xlink}href"):
            assert element.get(key, "#").startswith(("#", "data:image/png;base64,"))
        assert element.tag not in ("link", "iframe", "object", "embed", "base", "form")
    assert not re.search(r"@import|url\((?!#)|//[a-z]+\.[a-z]", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_texts_are_shown_as_they_are(word):
    text = page(report(word))
    tree, safe = read(text), read(page(report()))
    assert [element.tag for element in tree.iter()] == [element.tag for element in safe.iter()]
    attributes = [sorted(element.attrib) for element in tree.iter()]
    assert attributes == [sorted(element.attrib) for element in safe.iter()]
    shown = re.sub("[\x00-\x1f\udc80]", "�", word)
    assert words(tree.find(".//h1")) == shown
    assert tree.find(".//td/small").text == shown
    assert tree.find(".//img").get("alt") == shown
    assert tree.find(".//*[@role='img']/title").text == shown
    text.encode()


@both
def test_headings_have_an_order_without_gaps(language):
    tree = read(page(report(language=language)))
    levels = [int(element.tag[1]) for element in tree.iter() if re.fullmatch("h[1-6]", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_answer_stands_before_the_numbers_the_money_the_steps_and_the_evidence():
    places = [page(report()).index(f'id="{name}"') for name in ("headline", "facts", "money", "steps", "evidence")]
    assert places == sorted(places)


@both
@pytest.mark.parametrize("verdict", ["go", "no-go", "not-yet", "neutral"])
def test_a_verdict_is_a_word_and_a_sign_besides_its_colour(language, verdict):
    made = {}
    for each in (verdict, "go" if verdict != "go" else "no-go"):
        first = report(language=language)
        tree = read(page(replace(first, answer=replace(first.answer, verdict=each))))
        shown = tree.find(".//p[@class='verdict']")
        made[each] = words(shown).strip(), [sorted(part.items()) for part in shown.find("svg")]
        assert made[each][0]
    (word, sign), (other_word, other_sign) = made.values()
    assert word != other_word
    assert sign != other_sign


def test_every_drawing_has_a_title_and_a_description_and_ids_of_its_own():
    drawings = [element for element in read(page(report())).iter("svg") if element.get("role") == "img"]
    assert len(drawings) == 4
    for drawing in drawings:
        assert [child.tag for child in drawing][:2] == ["title", "desc"]
        title, description, path, use = drawing
        assert drawing.get("aria-labelledby") == title.get("id")
        assert drawing.get("aria-describedby") == description.get("id")
        assert use.get("href") == f"#{path.get('id')}"
        assert use.get("clip-path") == f"url(#{path.get('id')})"


def test_tables_have_a_caption_and_say_what_their_headings_are_for():
    for table in read(page(report())).iter("table"):
        assert table[0].tag == "caption"
        assert [cell.get("scope") for cell in table.find("thead").iter("th")] == ["col", "col"]
        assert [cell.get("scope") for cell in table.find("tbody").iter("th")] == 3 * ["row"]
        assert [row.get("class") for row in table.find("tbody")] == [None, "marked", None]
        assert [bool(row.findall(".//span[@class='mark']")) for row in table.find("tbody")] == [False, True, False]


def test_without_scripts_all_rows_and_values_are_there():
    rows = tuple((f"row {k}", str(k)) for k in range(40))
    text = page(replace(report(), money=(Table("c", ("a", "b"), rows),)))
    tree = read(re.sub("<script>.*?</script>", "", text, flags=re.DOTALL))
    shown = [words(row).split("\n")[1:3] for row in tree.find(".//tbody")]
    assert shown == [list(row) for row in rows]
    assert not [element for element in tree.find(".//main").iter() if element.get("hidden") is not None]
    assert "open" in tree.find(".//details[summary]/summary/h2/../..").attrib


@pytest.mark.parametrize(
    ("cells", "keys"),
    [
        (("10", "9", "-1.5"), ["10.0", "9.0", "-1.5"]),
        (("1,200 EUR", "\u2212300 EUR", "\u2013"), ["1200.0", "-300.0", "nan"]),
        ((Cell("many", 3.0), Cell("few", 1e-7), "2"), ["3.0", "1e-07", "2.0"]),
        (("10", "ten", "9"), [None, None, None]),
        (("", "-", "\u2014"), [None, None, None]),
    ],
)
def test_a_column_is_sorted_by_number_where_its_cells_are_numbers(cells, keys):
    table = Table("c", ("a", "b"), tuple((f"row {k}", cell) for k, cell in enumerate(cells)))
    tree = read(page(replace(report(), money=(table,))))
    assert [cell.get("data-sort") for cell in tree.find(".//tbody").iter("td")] == keys
    assert (tree.find(".//thead").findall(".//th")[1].get("data-sort-method") == "value") == (keys[0] is not None)


def test_money_and_notes_are_left_out_where_there_are_none():
    tree = read(page(replace(report(), money=(), notes=())))
    assert not {element.get("id") for element in tree.iter()} & {"money", "notes"}


def test_equal_reports_give_equal_pages():
    assert page(report()) == page(report())


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_texts_and_lines_have_enough_contrast(number):
    style = list(read(page(report())).iter("style"))[number].text
    colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", style.partition("}")[0]))
    for ground in ("paper", "raised", "marked"):
        for text in ("ink", "muted", "link", "go", "no-go", "not-yet", "neutral"):
            assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    for line in ("blue", "vermilion", "green", "purple", "sky", "orange", "yellow"):
        assert contrast(colour[line], colour["paper"]) >= 3, line
