"""A whole pilot in small: it runs, goes on after a death, and its report says what was found."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from dguide.pilot.augment.arms import parts
from dguide.pilot.augment.page.report import report
from dguide.pilot.augment.ready import READY
from dguide.pilot.augment.result import Result
from dguide.pilot.augment.run import run
from dguide.pilot.augment.settings import AugmentStudy
from dguide.pilot.report import Pictures, page
from dguide.pilot.studies import checked
from dguide.plots.rows import MOST_BYTES

TRAIN = {"steps": 2, "size": "tiny", "batch_size": 8, "evaluate_every": 2, "evaluate_passes": 1, "device": "cpu"}
PRICES = {"miss": 200, "false_alarm": 2, "volume": 500_000, "share": 0.01, "pilot": 20_000, "years": 3}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Maps of 6 x 6 in three colours: plain ones, and ones with a bright row or column."""
    rng = np.random.default_rng(0)
    maps, labels = rng.integers(0, 2, (240, 6, 6)), np.arange(240) % 3
    for picture, label in zip(maps, labels, strict=True):
        place = rng.integers(6)
        if label:
            picture[(place,) if label == 1 else (slice(None), place)] = 2
    path = tmp_path_factory.mktemp("data") / "maps.npz"
    np.savez(path, maps=maps, labels=labels)
    return f"npz:{path},names=plain;row;column"


def study(images, **settings):
    given = {"data": images, "rare": "row", "real": 6, "runs": 3, "train": TRAIN, "weight": ["2"], "added": 10,
             "sampler": "ancestral:steps=2", "classifier": "scikit-learn:naive_bayes.GaussianNB", "false_alarms": 0.2,
             "ways": ["whole", "filled"], "prices": PRICES}  # fmt: skip
    return checked(AugmentStudy, given | settings)


@pytest.fixture(scope="module")
def done(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pilot")
    return folder, Result(run(study(images), folder))


def test_every_arm_is_judged_and_the_two_compared_are_of_the_right_kind(done):
    _, result = done
    assert len(result.arms) == 4 + 2 * 2 * 2
    assert result.old.startswith("ordinary")
    assert result.new.startswith(("guided", "unguided"))
    assert len(list(result.rows())) == 4 * len(result.arms)
    assert result.as_csv().count("\n") == 1 + 4 * len(result.arms)


def test_after_a_death_the_same_table_comes_out(images, done, tmp_path):
    folder, result = done
    shutil.copytree(folder, tmp_path / "again")
    for killed in ("results/scores", "results/draw", "results/fill"):
        for path in sorted((tmp_path / "again" / killed).rglob("*.safetensors"))[::2]:
            path.write_bytes(path.read_bytes()[:100])
    assert Result(run(study(images), tmp_path / "again")).as_csv() == result.as_csv()


def test_a_finished_pilot_does_nothing_and_takes_other_prices(images, done):
    folder, result = done
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    cheap = Result(run(study(images, prices=PRICES | {"miss": 0, "pilot": 10**9}), folder))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")} == before
    assert cheap.decision.verdict == "no-go"
    assert list(cheap.rows()) == list(result.rows())


def test_another_pilot_in_the_folder_is_refused(images, done):
    with pytest.raises(ValueError, match="Choose another folder"):
        run(study(images, real=5), done[0])


@pytest.mark.parametrize(
    ("language", "prices"),
    [("en", None), ("ja", PRICES), ("en", PRICES | {"miss": 0.0}), ("ja", PRICES | {"pilot": 10**9})],
    ids=range(4),
)
def test_the_report_says_whether_generation_beats_ordinary_augmentation(images, done, language, prices):
    result = Result(run(study(images, language=language, prices=prices, example_prices=prices is not None), done[0]))
    made = report(result, {"command": "dguide pilot"})
    assert (made.answer.verdict == "neutral") == (prices is None)
    assert bool(made.money) == (prices is not None)
    words = ("ordinary augmentation", "通常のデータ拡張")
    if made.answer.verdict != "go":
        assert words[language == "ja"] in made.answer.headline
    text = page(made)
    assert "<script src" not in text
    if language == "ja":
        assert not any(f">{name}<" in text for name in result.arms)
        assert " ポイント" in made.answer.because
    else:
        assert f'"{result.new}"' in made.answer.because
        assert " points" in made.answer.because
    # Its models have learnt four steps, which no reader may take for a verdict on generated examples.
    assert (("800" in made.steps[0]), ("train" in made.steps[0])) == (True, True)
    assert "/" not in made.title  # the folder stands at the end


def test_the_report_shows_real_and_generated_examples_and_the_filled_region(images, done):
    _, result = done
    found, data = result.found.pictures, result.found.study.whole
    assert set(found.generated) == {name for name in result.arms if name.startswith(("guided", "unguided"))
                                    and not name.endswith("+ ordinary")}  # fmt: skip
    rare = parts(data)[0].take(data.train.labels == data.class_names.index("row")).batch(slice(None)).numpy()
    assert len(found.real) == 6
    assert all((picture == rare).reshape(len(rare), -1).all(1).any() for picture in found.real)
    for name in (name for name in found.generated if name.endswith("filled in")):
        made, regions = found.generated[name], found.regions
        assert (made == found.good)[~regions].all()  # outside the region a good part is as it was
        assert regions.reshape(len(made), -1).sum(1).tolist() == [4] * len(made)
    shown = [block for part in report(result, {}).evidence for block in part.blocks if isinstance(block, Pictures)]
    assert sum(len(block.png) for block in shown) <= MOST_BYTES
    names = {block.caption for block in shown}
    assert names == {*found.generated, "real row", "good parts"}


def test_all_mistakes_are_said_at_once(images):
    wrong = {"rare": "nothing", "real": -1, "runs": 1, "classifier": "no-such", "weight": ["no-such"], "by": "nothing",
             "prices": {"miss": "x"}, "train": {"siz": 1}, "ordinary": {"shift": 2}, "unknown": 1}  # fmt: skip
    with pytest.raises(ValueError, match="rare: ") as raised:
        study(images, **wrong)
    lines = str(raised.value).splitlines()
    for name in ("runs", "classifier", "weight", "by", "prices", "train", "ordinary", "unknown"):
        assert any(line.strip().startswith(f"{name}:") for line in lines), name


@pytest.mark.parametrize(("name", "value"), [("good", ["row"]), ("real", 10_000), ("ways", ["half"]), ("region", 1.5),
                                              ("false_alarms", 0.01)])  # fmt: skip
def test_what_does_not_fit_the_data_is_refused(images, name, value):
    with pytest.raises(ValueError, match=f"{name}"):
        study(images, **{name: value})


@pytest.mark.parametrize("name", [name for name in READY if name != "elpv"])
def test_ready_studies_are_complete(name):
    ready = checked(AugmentStudy, READY[name])
    assert ready.example_prices
    assert len(set(ready.titles.values())) == len(ready.settings)
