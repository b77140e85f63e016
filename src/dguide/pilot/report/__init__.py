"""The report of a trial: records that say what was found, and the page that shows them."""

from .browser import find_browser, pdf
from .chart import chart
from .page import page
from .records import Answer, Block, Cell, Chart, Fact, Language, Pictures, Report, Section, Table, Text
from .words import differences, words

__all__ = [
    "Answer",
    "Block",
    "Cell",
    "Chart",
    "Fact",
    "Language",
    "Pictures",
    "Report",
    "Section",
    "Table",
    "Text",
    "chart",
    "differences",
    "find_browser",
    "page",
    "pdf",
    "words",
]
