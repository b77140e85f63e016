"""Ordinary augmentation moves images as it says."""

from __future__ import annotations

import pytest
import torch

from dguide.pilot.augment.ordinary import Ordinary


def images(count=200, height=6, width=8):
    return torch.rand((count, 2, height, width), generator=torch.Generator().manual_seed(0))


def moved(ordinary, given, which=None, seed=1):
    which = torch.ones(len(given), dtype=torch.bool) if which is None else which
    return ordinary(given, which, torch.Generator().manual_seed(seed))


def test_others_stay_bit_for_bit():
    given, which = images(), torch.arange(200) % 2 == 0
    new = moved(Ordinary(0.3, 40, "both"), given, which)
    assert torch.equal(new[~which], given[~which])
    assert not torch.isclose(new[which], given[which]).all(dim=(1, 2, 3)).any()


def test_nothing_asked_changes_nothing():
    assert torch.allclose(moved(Ordinary(0, 0), images()), images(), atol=1e-5)


@pytest.mark.parametrize(("flips", "axes"), [("horizontal", [(), (3,)]), ("both", [(), (3,), (2,), (2, 3)])])
def test_flips_are_the_flips_and_about_equally_many(flips, axes):
    given = images()
    new = moved(Ordinary(0, 0, flips), given)
    kinds = [torch.isclose(new, given.flip(axis), atol=1e-4).all(dim=(1, 2, 3)).sum() for axis in axes]
    assert sum(kinds) == 200
    assert min(kinds) > 200 / len(axes) / 1.6


def test_shifts_are_within_the_share_of_each_side():
    """A picture of its own coordinates tells how far it moved."""
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(40.0), indexing="ij")
    given = torch.stack([rows, columns]).expand(300, -1, -1, -1)
    new = moved(Ordinary(0.1, 0), given)
    apart = (new - given)[:, :, 10, 20]
    assert apart[:, 0].abs().max() <= 2.001
    assert apart[:, 1].abs().max() <= 4.001
    assert (apart.abs().max(0).values > torch.tensor([1.9, 3.8])).all()


def test_a_rotation_keeps_distances_on_any_shape():
    rows, columns = torch.meshgrid(torch.arange(21.0) - 10, torch.arange(41.0) - 20, indexing="ij")
    given = torch.stack([rows, columns]).expand(100, -1, -1, -1)
    new = moved(Ordinary(0, 30), given)
    at = new[:, :, 10 + 3, 20 + 4]  # where 5 pixels from the middle are looked up
    assert torch.allclose(at.norm(dim=1), torch.tensor(5.0), atol=1e-3)
    angles = torch.rad2deg(torch.atan2(at[:, 0], at[:, 1]) - torch.atan2(torch.tensor(3.0), torch.tensor(4.0)))
    assert 25 < angles.abs().max() <= 30.01


def test_maps_of_few_colours_get_no_others():
    given = (images() > 0.5).float()
    assert set(moved(Ordinary(0.2, 45, "both", mixed=False), given).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("options", "words"), [({"shift": 0.6}, "shift"), ({"rotation": -1}, "rotation"), ({"flips": "up"}, "flips")]
)
def test_what_it_cannot_do_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Ordinary(**options)
