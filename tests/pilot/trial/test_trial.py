"""A plain pilot in small: it trains a model once, compares settings on it, goes on, and answers its question."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from dguide import checkpoint as checkpoints
from dguide.data import load
from dguide.evaluate import LearntFeatures
from dguide.pilot.compare.words import figure_name
from dguide.pilot.report import differences, page
from dguide.pilot.report.records import VERDICTS
from dguide.pilot.studies import checked
from dguide.pilot.trial import run as module
from dguide.pilot.trial.report import report
from dguide.pilot.trial.run import MODEL, run
from dguide.pilot.trial.settings import FEWEST, CompareStudy
from dguide.pilot.trial.words import WORDS

TRAIN = {"steps": 2, "size": "tiny", "batch_size": 8, "evaluate_every": 2, "evaluate_passes": 1, "device": "cpu"}


@pytest.fixture(autouse=True, scope="module")
def _quick():
    """A judge that learns for a hundredth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        whole = LearntFeatures.fit.__func__
        patch.setattr(LearntFeatures, "fit", classmethod(functools.partial(whole, seen=300)))
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Maps of 5 x 5 in two colours, of two classes: plain ones, and ones with a line."""
    rng = np.random.default_rng(0)
    maps, labels = rng.integers(0, 2, (200, 5, 5)), np.arange(200) % 2
    maps[labels == 1, 2] = 1
    path = tmp_path_factory.mktemp("data") / "maps.npz"
    np.savez(path, maps=maps, labels=labels)
    return f"npz:{path},names=plain;line"


def study(data, **settings):
    return checked(
        CompareStudy, {"data": data, "weight": ["2"], "sampler": "ancestral:steps=2", "count": 20} | settings
    )


@pytest.fixture(scope="module")
def done(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pilot")
    return folder, run(study(images, train=TRAIN), folder)


def test_samples_are_told_what_the_test_examples_are_told(images, done):
    folder, found = done
    assert [each.count for each in (row.figure for row in found.compared.rows if row.main)] == [20, 20]
    data = study(images).whole
    assert found.config.data_digest == data.digest
    assert found.compared.baseline == "constant:0.0"
    results = list((folder / "results" / "draw").rglob("*.safetensors"))
    assert len(results) == 2


def test_a_finished_model_is_used_and_other_settings_join_in_the_same_folder(images, done):
    folder, found = done
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    more = run(study(images, weight=["2", "ramp-up:1"]), folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    figures = [each.compared.row("constant:2.0", found.compared.main).figure.value for each in (more, found)]
    assert figures[0] == figures[1]


def test_another_training_or_other_data_are_refused(images, done, tmp_path):
    folder, _ = done
    with pytest.raises(ValueError, match="steps"):
        run(study(images, train=TRAIN | {"steps": 3}), folder)
    (tmp_path / MODEL).symlink_to(folder / MODEL)
    with pytest.raises(ValueError, match="Choose another folder"):
        run(study("digits"), tmp_path)


def test_a_setting_that_does_not_fit_the_model_is_refused_before_it_is_trained(images, tmp_path):
    uniform = study(images, train=TRAIN | {"process": "uniform"}, sampler="first-hitting")
    with pytest.raises(ValueError, match=r"(?i)masked"):
        run(uniform, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_text_works_too_and_a_stopped_training_is_resumed(tmp_path, monkeypatch):
    lines = [f"{'ab' * (1 + k % 3)}{'x' if k % 2 else 'y'}{k:03d},{'odd' if k % 2 else 'even'}" for k in range(300)]
    (tmp_path / "words.csv").write_text("\n".join(["word,kind", *lines]))
    given = study(f"csv:{tmp_path}/words.csv,text=word,label=kind", train=TRAIN | {"steps": 4}, count=12)

    def stopped(config):
        def stop(step):
            if step == 2:
                raise KeyboardInterrupt

        return whole(config, stop)

    whole = module.train
    monkeypatch.setattr(module, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(given, tmp_path / "out")
    monkeypatch.setattr(module, "train", whole)
    found = run(given, tmp_path / "out")
    assert checkpoints.load(found.model).config.test_bits is not None
    assert "augment" not in " ".join(report(found, {}).steps)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_report_answers_the_question_and_says_how_the_model_was_trained(images, done, language):
    folder, found = done
    found = replace(found, study=study(images, language=language, title="My pilot"))
    made = report(found, {"command": "dguide pilot"})
    assert made.title == "My pilot"
    # A model of two steps says nothing about guidance, whatever its figures are, and the reader learns it first.
    assert (made.answer.verdict, "800" in made.steps[0]) == ("not-yet", True)
    assert made.answer.headline == WORDS[language]["short"].format(steps=2)
    learnt = report(replace(found, config=replace(found.config, steps=800)), {})
    figure = figure_name(found.compared.main, language)
    answers = {key: WORDS[language][key].format(setting="constant:2.0", figure=figure) for key in VERDICTS[:3]}
    assert learnt.answer.headline == answers[learnt.answer.verdict]
    assert f"dguide sample {folder / MODEL}" in learnt.steps[0]
    text = page(made)
    assert f"{found.config.bits:.3f}" in text
    assert found.config.command.split()[0] in text


def test_both_languages_say_the_same():
    assert list(differences(WORDS)) == []


def test_data_without_a_condition_or_with_few_test_examples_are_refused():
    digits = load("digits")
    zeros = (digits.train.labels == 0).nonzero().squeeze(-1)
    lacking = replace(digits, train=digits.train.take(zeros), test=digits.test.some(FEWEST - 1))
    with pytest.raises(ValueError, match="at least two") as raised:
        CompareStudy.check_data(lacking)
    assert f"got {FEWEST - 1}, expected at least {FEWEST}" in str(raised.value)
    CompareStudy.check_data(replace(digits, test=digits.test.some(FEWEST)))


def test_all_mistakes_are_said_at_once(tmp_path):
    np.savez(tmp_path / "few.npz", maps=np.random.default_rng(0).integers(0, 2, (40, 5, 5)), labels=np.arange(40) % 2)
    wrong = {"data": f"npz:{tmp_path}/few.npz", "count": 0, "weight": ["no-such"], "train": {"siz": 1}, "x": 1}
    with pytest.raises(ValueError, match=f"data: .*at least {FEWEST}") as raised:
        checked(CompareStudy, wrong)
    for name in ("count", "weight", "x"):
        assert f"{name}: " in str(raised.value)
