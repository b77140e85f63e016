"""Compares settings of guidance: a table with intervals, advice, figures, and a search for the best."""

from .advice import advice
from .api import SAMPLES, compare
from .as_report import as_report
from .charts import charts
from .comparison import Compared
from .detectable import detectable, samples_for
from .judge import Judge, PerSample
from .question import WEIGHTS, Question, examine, figure_of, studied
from .rows import Row, compared
from .run import answer
from .tables import markdown, write, write_files, write_tuned
from .tuning.shapes import Shapes
from .tuning.tune import Tuned, examine_search, tune

__all__ = [
    "SAMPLES",
    "WEIGHTS",
    "Compared",
    "Judge",
    "PerSample",
    "Question",
    "Row",
    "Shapes",
    "Tuned",
    "advice",
    "answer",
    "as_report",
    "charts",
    "compare",
    "compared",
    "detectable",
    "examine",
    "examine_search",
    "figure_of",
    "markdown",
    "samples_for",
    "studied",
    "tune",
    "write",
    "write_files",
    "write_tuned",
]
