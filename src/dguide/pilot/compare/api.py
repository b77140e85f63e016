"""`dguide.compare`: compares settings for a checkpoint, or for a model of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ... import checkpoint as checkpoints
from ...data import Dataset, load
from ...denoiser import Condition, Denoiser
from ...errors import Mistakes, bad, choose
from ...evaluate import Metric
from ...process import Process
from ...study import CheckpointSource, DenoiserSource, Executor, Setting, Source, Store
from ..report import Language
from ..report.words import LANGUAGES
from .comparison import Compared
from .judge import Judge, PerSample
from .question import Question, examine, studied
from .run import answer
from .tables import write

__all__ = ["SAMPLES", "compare"]

SAMPLES = "samples"
"""The folder of the samples in the folder of a comparison."""


def compare(
    model: str | Path | Denoiser,
    settings: Sequence[Setting],
    metrics: Sequence[Metric | PerSample] = (),
    *,
    data: str | Dataset | None = None,
    process: Process | None = None,
    length: int | None = None,
    name: str | None = None,
    condition: Condition = None,
    count: int = 500,
    seeds: Sequence[int] = (0,),
    figure: str | None = None,
    baseline: str | None = None,
    detect: float | None = None,
    out: str | Path | None = None,
    executor: Executor | None = None,
    batch_size: int = 256,
    repetitions: int = 200,
    judge_seed: int = 0,
    language: Language = "en",
    progress: Callable[[int, int], object] | None = None,
    tell: Callable[[str], object] | None = None,
) -> Compared:
    """Draws samples under several settings from equal random numbers, judges them, and says which setting to use.

    The figure that decides is chosen before anything is drawn. Its differences from the baseline hold together with
    95 % (`dguide.pilot.compare.rows`). The samples of all seeds are judged together, in pairs of equal seed and number.

    Args:
        model: A checkpoint as `dguide.checkpoint.load` takes it, or a denoiser as `dguide.sample` takes it.
        settings: At least two; `dguide.study.grid` makes all combinations.
        metrics: What judges the samples: metrics of `dguide.evaluate`, which compare with data, and `PerSample`
            figures of your own. By default all metrics that suit the data.
        data: Real data or their name; by default the training data of a checkpoint.
        process: The process of a denoiser; a checkpoint has one.
        length: Tokens of a sample of a denoiser; likewise.
        name: A name for a denoiser that stands for all that its samples depend on. Without it, and with `out`, the
            denoiser must be picklable, so that samples of another one are not taken for its own.
        condition: What the samples are told: tensors with K rows, used in turn. By default each class of a checkpoint
            in turn, or nothing for a denoiser.
        count: Samples of each setting and seed.
        seeds: The seeds, all different.
        figure: The figure that decides, by the beginning of its name; by default the distance to the data.
        baseline: Name of the setting that the others are compared with; by default the first one.
        detect: A difference that would matter, for the advice; by default half of what would be found.
        out: A folder for the samples, the table and the figures. The same call goes on with the samples that are
            there. By default nothing is kept.
        executor: Who draws the samples; by default this process.
        batch_size: Samples in one pass through the network.
        repetitions: Number of halves for an interval; 0 for intervals of shares and means only.
        judge_seed: Seed of the judge and of the intervals.
        language: Of the report in `out`: "en" or "ja".
        progress: Called with the number of ranges of samples that are there, and of all.
        tell: Called with what is known of a setting as soon as it is judged.

    Raises:
        ValueError: If anything does not fit, before any sample is drawn.
        dguide.errors.MissingExtra: If a package is not installed.
        dguide.study.TaskFailed: If samples could not be drawn.

    >>> import dguide
    >>> from dguide.study import grid
    >>> law = torch.tensor([[0.4, 0.1], [0.1, 0.4]])
    >>> problem = dguide.exact.Problem(dguide.Masked(2), law, torch.full((2, 2), 0.25))
    >>> equal = dguide.PerSample("equal tokens", lambda tokens, condition: tokens[:, 0] == tokens[:, 1])
    >>> found = dguide.compare(
    ...     problem.oracle(),
    ...     grid(weights=(0, 2), samplers=("first-hitting",)),
    ...     [equal],
    ...     process=problem.process,
    ...     length=2,
    ...     condition=torch.zeros(1, dtype=torch.int64),
    ...     count=300,
    ... )
    >>> print(found.advice())
    constant:2.0 beats constant:0.0 by 0.138 to 0.227 in equal tokens (95 %), with 4 network calls a batch instead \
of the 2 of constant:0.0.
    """
    mistakes = Mistakes()
    mistakes.of(lambda: choose("language", language, LANGUAGES))
    # Where nothing is kept, no name or digest has to tell this denoiser from another one later.
    kept = name if name is not None or out is not None or isinstance(model, str | Path) else type(model).__name__
    source, learnt = mistakes.of(lambda: _source(model, process, length, kept)) or (None, None)
    if condition is None and learnt is not None:
        condition = {
            each.name: each.read("all") if number == 0 else each.not_given
            for number, each in enumerate(learnt.conditions)
        }
    judge = study = None
    if learnt is not None or not isinstance(model, str | Path):
        judge = mistakes.of(lambda: Judge.of(_dataset(data, learnt), metrics, repetitions, judge_seed))
    if source is not None:
        study = studied(mistakes, source, settings, seeds, count, condition, batch_size)
    examine(mistakes, study, judge, figure, baseline, detect)
    mistakes.settle()
    assert study is not None
    assert judge is not None
    question = Question(study, judge, figure, baseline, detect)
    with TemporaryDirectory(prefix="dguide-compare-") as scratch:
        store = Store(scratch if out is None else Path(out) / SAMPLES)
        codec = learnt.codec if learnt is not None else None if judge.dataset is None else judge.dataset.codec
        found = answer(question, store, executor, codec=codec, progress=progress, tell=tell)
    if out is not None:
        write(found, Path(out), language)
    return found


def _source(
    model: str | Path | Denoiser, process: Process | None, length: int | None, name: str | None
) -> tuple[Source, checkpoints.Checkpoint | None]:
    """What to draw from; of a checkpoint also the checkpoint."""
    if isinstance(model, str | Path):
        given = {"process": process, "length": length, "name": name}
        wrong = [each for each, value in given.items() if value is not None]
        if wrong:
            raise bad(" and ".join(wrong), f"a value beside the checkpoint {model}", "none, since it has its own")
        loaded = checkpoints.load(model)
        return CheckpointSource.of(model), loaded
    if process is None or length is None:
        raise bad("process and length", (process, length), "both, for a denoiser that is no checkpoint")
    return DenoiserSource(model, process, length, name), None


def _dataset(data: str | Dataset | None, learnt: checkpoints.Checkpoint | None) -> Dataset | None:
    """The data to compare with, with the conditions of the checkpoint."""
    if learnt is not None:
        return learnt.real_data(data)
    return load(data) if isinstance(data, str) else data
