"""Settings are written and read as command lines do, and have labels that tell them apart."""

from __future__ import annotations

import pickle
from itertools import combinations

import pytest
import torch

from dguide import SMC, Ancestral, Decoding, FirstHitting, LowConfidence, Normalized, RampUp, Simple, Unlocking
from dguide.errors import InputError
from dguide.study import Setting, grid

SETTINGS = [
    Setting(Normalized(2.0), Ancestral(16)),
    Setting(Normalized(2.5), Ancestral(16)),
    Setting(Normalized(RampUp(2.0)), Ancestral(16)),
    Setting(Normalized(RampUp(2.0, right=0.3)), Ancestral(16)),
    Setting(Unlocking(2.0), Ancestral(16)),
    Setting(Simple(2.0), Ancestral(17)),
    Setting(Normalized(2.0), FirstHitting()),
    Setting(Normalized(2.0), LowConfidence(16, noise=4.5)),
    Setting(Normalized(2.0), SMC(8, Ancestral(16))),
    Setting(Normalized(2.0), Ancestral(16), Decoding(temperature=0.9)),
    Setting(Normalized(2.0), Ancestral(16), Decoding(top_k=3)),
    Setting(Normalized(2.0), Ancestral(16), Decoding(top_p=0.9, forbidden=(1, 2))),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.label)
def test_what_is_written_is_read(setting):
    assert Setting.read(setting.written) == setting
    assert pickle.loads(pickle.dumps(setting)) == setting
    assert hash(Setting.read(setting.written)) == hash(setting)


def test_labels_tell_settings_apart():
    for one, two in combinations(SETTINGS, 2):
        assert one != two
        assert one.label != two.label


def test_a_grid_is_the_product_and_no_guidance_stands_once():
    settings = grid(("normalized", "unlocking"), (0, "ramp-up:2", 3.0), ("ancestral:steps=8", FirstHitting()))
    assert len(settings) == 2 * (2 * 2 + 1)
    assert sum(each.guidance.weight(torch.tensor([0.5]))[0] == 0 for each in settings) == 2
    assert grid(weights=(2, 2.0, "2")) == grid(weights=(2,))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"guidances": ("normalised",)}, "unknown guidance.*normalized"),
        ({"weights": ("ramp",)}, "unknown guidance schedule"),
        ({"samplers": ("ancestral:step=3",)}, "steps"),
        ({"weights": ()}, "grid of settings: got an empty list"),
    ],
)
def test_mistakes_are_named(arguments, text):
    with pytest.raises(InputError, match=text):
        grid(**arguments)


def test_a_weight_for_each_sample_is_refused():
    with pytest.raises(InputError, match="weight of a setting"):
        Setting(Normalized(torch.tensor([1.0, 2.0])), Ancestral(4))
