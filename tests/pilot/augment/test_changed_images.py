"""Results of a pilot are of the images that were there: other ones under the same name are not taken for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny import save_tiny

from dguide.errors import InputError
from dguide.pilot.augment.arms import Arm
from dguide.pilot.augment.ordinary import Ordinary
from dguide.pilot.augment.tasks import Fill, Judge, TrainModel
from dguide.study import CheckpointSource, grid


@pytest.mark.parametrize("kind", [TrainModel, Fill, Judge])
def test_other_images_give_other_results_and_those_that_changed_on_the_way_are_refused(tmp_path, kind):
    if kind is TrainModel:
        task = TrainModel(tmp_path, "digits", "first", {"steps": 1}, 0)
    elif kind is Fill:
        source = CheckpointSource.of(save_tiny(tmp_path / "tiny"))
        task = Fill(source, grid()[0], "digits", "first", 8, (0, 1), 0.4, 0, 0, 1)
    else:
        task = Judge(str(tmp_path), "digits", "first", 8, Arm("none"), 1, (), "random-forest", Ordinary(), 0)
    assert task.key != replace(task, digest="second").key
    with pytest.raises(InputError, match="others than at the start"):
        task.run()
