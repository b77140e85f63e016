"""Classifiers learn what there is to learn, the same each time, and refuse what they are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dguide.data import Pictures
from dguide.pilot.augment.arms import Training
from dguide.pilot.augment.classifiers import CLASSIFIERS
from dguide.pilot.augment.ordinary import Ordinary

NAMES = ["small-network:1280", "random-forest", "scikit-learn:naive_bayes.GaussianNB", "scikit-learn:svm.LinearSVC"]


def bright(count, seed, channels=1):
    """Dark pictures with a bright half: left in class 0, right in class 1. Class 2 has no example."""
    rng = np.random.default_rng(seed)
    pictures, labels = rng.integers(0, 90, (count, 8, 8, channels), dtype=np.uint8), torch.arange(count) % 2
    for picture, label in zip(pictures, labels.tolist(), strict=True):
        picture[:, 4 * label : 4 * label + 4] += 120
    return Pictures.of(pictures), labels


def training(moved=False, ordinary=None, channels=1):
    pictures, labels = bright(60, 0, channels)
    return Training(pictures, labels, torch.full_like(labels, int(moved)) > 0, ordinary or Ordinary())


@pytest.mark.parametrize("name", NAMES)
def test_each_learns_and_gives_log_probabilities(name):
    classifier = CLASSIFIERS.read(name)
    classifier.check(3)
    unseen, labels = bright(40, 1)
    logs = classifier.fit(training(), 3, 0)(unseen)
    assert logs.shape == (40, 3)
    assert torch.allclose(logs.logsumexp(1), torch.zeros(40), atol=1e-4)
    assert torch.isfinite(logs).all()
    assert float((logs.argmax(1) == labels).double().mean()) > 0.9
    assert torch.equal(logs, classifier.fit(training(), 3, 0)(unseen))


@pytest.mark.parametrize("name", NAMES[:2])
def test_augmentation_reaches_the_classifier(name):
    """With left and right exchanged at random nothing is left to learn."""
    flipped = training(moved=True, ordinary=Ordinary(0, 0, "horizontal"))
    unseen, labels = bright(200, 1)
    logs = CLASSIFIERS.read(name).fit(flipped, 2, 0)(unseen)
    assert float((logs[:, 1] - logs[:, 0]).abs().median()) < 1.0
    assert float((logs.argmax(1) == labels).double().mean()) < 0.9


@pytest.mark.parametrize("path", ["svm.SVX", "nothing.here", "linear_model.LinearRegression", "datasets.load_digits"])
def test_what_is_no_classifier_of_scikit_learn_is_refused(path):
    with pytest.raises(ValueError, match=r"classifier of scikit-learn: got .* expected one such as svm.SVC"):
        CLASSIFIERS.read(f"scikit-learn:{path}").check(2)


def test_a_network_of_timm(tmp_path):
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    classifier = CLASSIFIERS.read("timm:test_resnet,seen=640,side=32")
    classifier.check(2)
    unseen, labels = bright(40, 1)
    logs = classifier.fit(training(), 2, 0)(unseen)
    assert float((logs.argmax(1) == labels).double().mean()) > 0.9
    with pytest.raises(ValueError, match="model of timm"):
        CLASSIFIERS.read("timm:no_such_net").check(2)
    file = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), file)
    CLASSIFIERS.read(f"timm:test_resnet,weights={file}").check(2)
    save_file({"other": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match="0 tensors that fit"):
        CLASSIFIERS.read(f"timm:test_resnet,weights={file}").check(2)
