"""Writes the first page, the findings and the table of studies of docs/results.md. It computes nothing."""

from __future__ import annotations

from studies.common import ROOT, parser, write
from studies.evidence import page, summary

__all__ = ["fill"]


def fill() -> None:
    """The page and its figure from what is stored."""
    found = page.results()
    summary.picture(found, ROOT / "docs/images" / summary.PICTURE)
    write(page.PAGE, page.text(found))


def main() -> None:
    parser(
        __doc__, "docs/results.md and docs/images/results.svg", "a few seconds: it reads studies/results"
    ).parse_args()
    fill()


if __name__ == "__main__":
    main()
