"""`check_model` names each planted mistake, and finds nothing wrong with right models."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from families import LENGTH, LOO, MASKED, POSTERIOR, WORDS, Language, Sigma, data, exact
from torch import nn

import dguide
from dguide import Convention, InputError, Masked, adapt, check_model, checkpoint
from dguide.adapters.check.probe import gain


class Denoiser:
    """A wrapper of one's own around an exact model, in which a mistake can be planted. It declares nothing."""

    def __init__(self, process, answer=lambda model, tokens, time, labels: model(tokens, time, labels)):
        self.model, self.answer = exact(process), answer

    def null(self, labels):
        return torch.full_like(labels, 2)

    def __call__(self, tokens, time, labels):
        return self.answer(self.model, tokens, time, labels)


def checked(denoiser, process, **rest):
    tokens, labels = data(process, 512)
    return check_model(denoiser, process=process, data=tokens, condition=labels, **rest)


def with_nonsense(model, tokens, time, labels):
    """Sixty columns behind the words whose logits were never trained, and a mask behind them."""
    logits = model(torch.where(tokens == WORDS + 60, 5, tokens), time, labels)[..., :WORDS]
    return torch.cat((logits, torch.full((*tokens.shape, 60), -3.0)), -1)


def with_mask(model, tokens, time, labels):
    """The network reads and predicts its mask, token 5, which the process has as token 6."""
    logits = model(tokens.clamp_max(5), time, labels)
    logits[..., 5] = -0.5
    return logits


class Dropped(Denoiser, nn.Module):
    """A network in training mode."""

    def __init__(self, process):
        nn.Module.__init__(self)
        self.drop = nn.Dropout(0.3)
        Denoiser.__init__(self, process, lambda model, *given: self.drop(model(*given)))


def displaced(offset):
    """A model whose words are tokens 6 to 9, and whose mask is token 2."""

    def model(tokens, labels):
        own = torch.where(tokens == 2, 5, tokens - 6).clamp(0, 5)
        logits = exact(MASKED)(own, torch.full((len(tokens),), 0.5), labels)[..., :WORDS]
        wide = torch.full((*tokens.shape, 20), -20.0, dtype=logits.dtype)
        wide[..., 6 : 6 + WORDS] = logits
        return wide

    convention = Convention(vocab_size=8, mask_id=2, offset=offset, columns=20, null="label", null_label=2)
    return adapt(model, convention)


class Prompted:
    """A wrapper that hands no attention mask to a model with prompts of different lengths."""

    def __init__(self):
        self.model = Language(14).eval()

    def __call__(self, tokens, time, condition):
        prompt = condition["prompt"]
        return self.model(torch.cat((prompt, tokens), 1)).logits[:, prompt.shape[1] :]

    def null(self, condition):
        return condition | {"prompt": torch.where(condition["real"], 3, condition["prompt"])}


class Overflowing(nn.Module):
    """A network whose logits exceed the largest number of float16."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.full((8, WORDS), 300.0, dtype=torch.float16))

    def forward(self, tokens, time=None, labels=None):
        return self.table[tokens] * 300


DATA = data(MASKED, 512)
PROMPTS = {"prompt": torch.arange(8).view(2, 4) + 5, "real": torch.tensor([[True] * 4, [True, True, False, False]])}
PLANTED = {
    "wrong mask id": ("mask token", lambda: checked(Denoiser(MASKED), replace(MASKED, mask_id=4)), "mask_id=5"),
    "shift": (
        "aligned",
        lambda: checked(Denoiser(MASKED, lambda model, *given: model(*given).roll(-1, 1)), MASKED),
        "shifted=True",
    ),
    "shift the other way": (
        "aligned",
        lambda: checked(Denoiser(POSTERIOR, lambda model, *given: model(*given).roll(1, 1)), POSTERIOR),
        "shifted=False",
    ),
    "probabilities": (
        "not probabilities",
        lambda: checked(Denoiser(MASKED, lambda model, *given: model(*given).exp()), MASKED),
        "output='probabilities'",
    ),
    "time reversed": (
        "direction of time",
        lambda: checked(Denoiser(POSTERIOR, lambda model, x, t, c: model(x, 1 - t, c)), POSTERIOR),
        "time='1-t'",
    ),
    "null equal to condition": (
        "null differs",
        lambda: checked(type("Same", (Denoiser,), {"null": lambda self, labels: labels})(MASKED), MASKED),
        "null_label",
    ),
    "training mode": ("the same each time", lambda: checked(Dropped(MASKED), MASKED), ".eval()"),
    "a leave-one-out law read as the posterior": (
        "posterior or leave-one-out",
        lambda: checked(Denoiser(LOO), POSTERIOR),
        "prediction='leave-one-out'",
    ),
    "a posterior read as leave-one-out": (
        "posterior or leave-one-out",
        lambda: checked(Denoiser(POSTERIOR), LOO),
        "prediction='posterior'",
    ),
    "padded vocabulary": (
        "columns without a word",
        lambda: check_model(
            Denoiser(MASKED, with_nonsense), process=Masked(WORDS + 60), data=DATA[0], condition=DATA[1]
        ),
        "vocab_size=4 and columns=64",
    ),
    "padded columns": (
        "answer",
        lambda: check_model(Denoiser(MASKED, with_nonsense), process=Masked(WORDS), data=DATA[0], condition=DATA[1]),
        "columns=64",
    ),
    "wrong offset": (
        "vocabulary offset",
        lambda: check_model(displaced(5), data=DATA[0], condition=DATA[1]),
        "1 more",
    ),
    "attention to padding": (
        "padding is not read",
        lambda: check_model(Prompted(), process=Masked(14, mask_id=3), length=4, condition=PROMPTS),
        "'real'",
    ),
    "half-precision overflow": (
        "half precision",
        lambda: check_model(Overflowing().eval(), process=Masked(WORDS), length=LENGTH),
        "bfloat16",
    ),
    "half-precision overflow of an adapted model": (
        "half precision",
        lambda: check_model(adapt(Overflowing().eval(), Convention(vocab_size=WORDS, mask_id=WORDS)), length=LENGTH),
        "bfloat16",
    ),
    "mask predicted": (
        "mask never predicted",
        lambda: check_model(Denoiser(MASKED, with_mask), process=Masked(6), data=DATA[0], condition=DATA[1]),
        "mask_id=5",
    ),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_named(mistake):
    question, check, remedy = PLANTED[mistake]
    found = check()
    assert found.wrong == (question,), found
    assert remedy in found[question].remedy
    assert not found.ok


RIGHT = {
    "masked": lambda: checked(Denoiser(MASKED), MASKED),
    "posterior": lambda: checked(Denoiser(POSTERIOR), POSTERIOR),
    "leave-one-out": lambda: checked(Denoiser(LOO), LOO),
    "udlm": lambda: checked(adapt(Sigma(exact(LOO)).eval(), "udlm", vocab_size=4, classes=2), LOO),
    "offset": lambda: check_model(displaced(6), data=DATA[0], condition=DATA[1]),
}


@pytest.mark.parametrize("model", RIGHT)
def test_nothing_is_wrong_with_a_right_model(model):
    found = RIGHT[model]()
    assert found.ok, found
    asked = {line.question: line.verdict for line in found.lines}
    for question in ("predicts the data", "aligned", "vocabulary offset", "null differs", "the same in any batch"):
        assert asked[question] == "right", found


def test_nothing_is_wrong_with_a_trained_network():
    """Of the uniform process; tests/test_cli_check_model.py has one of the masked process."""
    loaded = checkpoint.load("digits-uniform")
    test = dguide.data.load("digits").test
    found = check_model(loaded.model, process=loaded.process, data=test.tokens, condition=test.labels, count=32)
    assert found.ok, found
    assert "not decidable" not in {line.verdict for line in found.lines}
    assert "bfloat16 changes a law by 0.00" in found["half precision"].seen
    assert found["posterior or leave-one-out"].verdict == "right"


def test_padding_of_an_adapted_model_is_not_read():
    denoiser = adapt(Language(14).eval(), "llada", vocab_size=14, mask_id=3)
    found = check_model(denoiser, length=4, condition=PROMPTS)
    assert found.ok
    assert found["padding is not read"].verdict == "right"
    assert check_model(denoiser, length=4, condition=denoiser.prompts([[5]] * 3))["padding is not read"].verdict == (
        "not decidable"
    )


def test_without_data_the_questions_that_need_them_stay_open():
    found = check_model(Denoiser(MASKED), process=MASKED, length=LENGTH, condition=torch.zeros(9, dtype=torch.int64))
    assert found.ok
    for question in ("mask token", "aligned", "vocabulary offset", "columns without a word", "predicts the data"):
        assert found[question].verdict == "not decidable"
        assert "data=" in found[question].seen


def test_after_a_wrong_answer_nothing_is_guessed():
    found = checked(Denoiser(MASKED), replace(MASKED, mask_id=4))
    assert {found[name].verdict for name in ("aligned", "predicts the data", "vocabulary offset")} == {"not decidable"}
    assert found["aligned"].seen == "until 'mask token' is right"


def test_a_model_that_knows_nothing_predicts_worse_than_frequencies():
    def noise(model, tokens, time, labels):
        return 8 * torch.randn(*tokens.shape, WORDS, generator=torch.Generator().manual_seed(0))

    found = checked(Denoiser(POSTERIOR, noise), POSTERIOR)
    assert "predicts the data" in found.wrong or found["predicts the data"].verdict == "not decidable"
    tokens = data(POSTERIOR)[0]
    flat = check_model(lambda *given: noise(None, *given), process=Masked(WORDS), data=tokens)
    assert "predicts the data" in flat.wrong


def test_a_few_tokens_decide_nothing_by_chance():
    same, where = torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool)
    noise = torch.randn(1000, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert not any(gain(same, other, where).sure for other in noise)
    assert gain(same, noise[0].clamp(-1, 1) * 1e-6 - 1, where).sure


def test_the_table_and_json_hold_every_line():
    found = checked(Denoiser(LOO), POSTERIOR)
    text, told = str(found), json.loads(found.as_json())
    for line in found.lines:
        assert line.question in text
    assert "WRONG" in text
    assert "set: Uniform(..., prediction='leave-one-out')" in " ".join(text.split())
    assert [line["verdict"] for line in told["lines"]] == [line.verdict for line in found.lines]
    assert told["ok"] is False
    assert max(map(len, text.splitlines())) <= 110
    with pytest.raises(KeyError):
        found["no such question"]


def test_arguments_that_do_not_fit_are_refused_before_the_model_is_called():
    def never(*given):
        raise AssertionError

    with pytest.raises(InputError, match="data: got neither data nor length"):
        check_model(never, process=MASKED)
    with pytest.raises(InputError, match="process: got None"):
        check_model(never, length=3)
    with pytest.raises(InputError, match=r"tokens from 0 to 9, expected 0 to vocab_size - 1 = 5"):
        check_model(never, process=MASKED, data=torch.tensor([[0, 9]]))
    with pytest.raises(InputError, match="condition: got 3 rows, expected one for each of the 2"):
        check_model(never, process=MASKED, data=torch.zeros(2, 3).long(), condition=torch.zeros(3))
    with pytest.raises(InputError, match=r"data: got torch.float32 \[2, 3\]"):
        check_model(never, process=MASKED, data=torch.zeros(2, 3))
