"""Drawings inside a page: what is refused, and how several of them share one page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

__all__ = ["HREFS", "SVG", "hints", "inlined", "svg_mistakes", "svg_root"]

SVG = "{http://www.w3.org/2000/svg}"
HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_REFUSED = {"script", "foreignObject", "iframe", "style", "a", "animate", "set"}
"""Elements that run code, apply to the whole page, or lead away from it."""
_REFERENCE = re.compile(r"url\(\s*['\"]?([^)'\"]*)")


def svg_root(svg: str) -> ElementTree.Element:
    """The root of an SVG document. Raises `ElementTree.ParseError` if it is none."""
    root = ElementTree.fromstring(svg)
    if root.tag != f"{SVG}svg":
        raise ElementTree.ParseError(f"the root is {root.tag}, not svg")
    return root


def svg_mistakes(svg: str) -> Iterator[str]:
    """What of a drawing must not stand in a page."""
    try:
        root = svg_root(svg)
    except ElementTree.ParseError as error:
        yield f"got a text that is not SVG ({error}), expected an SVG document"
        return
    if "viewBox" not in root.attrib:
        yield "got no viewBox, expected one, so that the drawing fits into any width"
    for element in root.iter():
        name = str(element.tag).removeprefix(SVG)
        if name in _REFUSED:
            yield f"got an element {name}, expected a drawing without code, style sheets and links"
        for key, value in element.attrib.items():
            if key.lower().startswith("on"):
                yield f"got an attribute {key} on {name}, expected a drawing without code"
            yield from (
                f"got a reference to {target}, expected none that leave the page" for target in _away(key, value)
            )


def _away(key: str, value: str) -> Iterator[str]:
    """Targets of an attribute outside the page."""
    targets = [value] if key in HREFS else _REFERENCE.findall(value)
    yield from (target for target in targets if not target.startswith(("#", "data:image/png")))


def hints(svg: str) -> list[str]:
    """The values that a drawing shows under the pointer, in the order of its points."""
    return ["".join(title.itertext()) for title in svg_root(svg).iter(f"{SVG}title")]


def inlined(svg: str, prefix: str, title: str, description: str) -> str:
    """A drawing for the inside of an HTML page: one image for a screen reader, with names of its own.

    Args:
        svg: An SVG document without mistakes (`svg_mistakes`).
        prefix: What its ids begin with, another one for each drawing of the page.
        title: Its name.
        description: What it shows.
    """
    root = svg_root(svg)
    for element in root.iter():
        element.tag = str(element.tag).removeprefix(SVG)
        for key in HREFS:  # inside HTML no namespaces are declared
            if key in element.attrib:
                element.set("href", element.attrib.pop(key))
        for key, value in element.attrib.items():
            element.set(key, _renamed(key, value, prefix))
    root.set("style", f"{root.get('style', '')}; --width: {root.attrib['viewBox'].split()[2]}")
    root.attrib |= {"role": "img", "aria-labelledby": f"{prefix}-title", "aria-describedby": f"{prefix}-description"}
    for place, (tag, ending, text) in enumerate((("title", "title", title), ("desc", "description", description))):
        told = ElementTree.Element(tag, {"id": f"{prefix}-{ending}"})
        told.text = text
        root.insert(place, told)
    return ElementTree.tostring(root, encoding="unicode")


def _renamed(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return f"{prefix}-{value}"
    if key == "href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    return re.sub(r"url\(\s*['\"]?#([^)'\"]*)['\"]?\s*\)", rf"url(#{prefix}-\1)", value)
