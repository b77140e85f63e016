"""Block-causal models with what they keep of earlier blocks: the same samples for a part of the work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from block_causal import LAYERS, Inside, Past

import dguide
from dguide import Ancestral, Blocks, Convention, FirstHitting, InputError, LowConfidence, Normalized, Unlocking, adapt
from dguide.adapters import CONVENTIONS
from dguide.adapters.prefix import past

VOCAB, MASK, BLOCK, LENGTH = 12, 11, 4, 10
PROMPTS = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 1], [], [5, 5, 5, 5]]
NEGATIVE = [[7, 7, 7], [2, 4, 6, 8, 1], [9], [1, 2, 3, 4, 5, 6]]
SDAR = CONVENTIONS.call("sdar").having(vocab_size=VOCAB, mask_id=MASK, block=BLOCK)()
LLADA2 = CONVENTIONS.call("llada2").having(vocab_size=VOCAB, mask_id=MASK, block=BLOCK, cached=True)()
BD3LM = CONVENTIONS.call("bd3lm").having(vocab_size=VOCAB, mask_id=MASK, block=BLOCK)()


def model_of(convention: Convention) -> Any:
    return Inside(VOCAB, BLOCK, longest=12).eval() if convention.cache == "inside" else Past(VOCAB).eval()


def draw(convention: Convention, rows: Any = None, cached: bool = True, negative: bool = True, **rest: Any) -> Any:
    """Samples after some of the prompts, and the work of it in tokens times layers."""
    model = model_of(convention)
    denoiser = adapt(model, convention if cached else replace(convention, cache="none"))
    if convention.prompted:
        chosen = range(len(PROMPTS)) if rows is None else rows
        condition = denoiser.prompts([PROMPTS[row] for row in chosen], width=9)
        reference = denoiser.prompts([NEGATIVE[row] for row in chosen], like=condition) if negative else None
        rest |= {"condition": condition, "reference": reference, "length": rest.get("length", LENGTH)}
    else:
        rest |= {"count": 3, "length": 12}
    drawn = dguide.sample(denoiser, process=denoiser.process, **rest)
    return drawn, model.work


GUIDED = Normalized(dguide.RampUp(2.0))


@pytest.mark.parametrize(
    ("convention", "sampler", "guidance"),
    [
        (SDAR, LowConfidence(3, noise=1.0), GUIDED),
        (LLADA2, FirstHitting(), Unlocking(1.0)),
        (LLADA2, dguide.EntropyBounded(0.5), Normalized(torch.tensor([0.0, 1.0, 3.0, -1.0]))),
        (LLADA2, dguide.Remasking(3), Normalized(dguide.Interval(2.0, 0.2, 0.6))),
        (BD3LM, FirstHitting(), None),
        (BD3LM, Ancestral(2), None),
    ],
    ids=lambda each: getattr(each, "cache", type(each).__name__),
)
def test_tokens_are_those_without_a_cache(convention: Convention, sampler: Any, guidance: Any) -> None:
    null = isinstance(sampler, (dguide.Remasking, FirstHitting))  # no negative prompt: the prompt is dropped
    rest = {"sampler": Blocks(sampler, BLOCK), "guidance": guidance, "negative": not null}
    kept, work = draw(convention, **rest)
    plain, more = draw(convention, cached=False, **rest)
    assert torch.equal(kept.tokens, plain.tokens)
    assert kept.calls == plain.calls
    assert work < more
    assert len(kept.tokens.unique()) > 3


def by_hand(model: Any, prompt: list[int], ids: torch.Tensor) -> torch.Tensor:
    """Logits of one sequence behind its prompt, as published code calls the model: square masks of whole blocks."""
    whole = torch.cat((torch.tensor(prompt, dtype=torch.int64), ids)).unsqueeze(0)
    size = whole.shape[1]
    block = torch.arange(size) // BLOCK
    seen = (block.unsqueeze(1) >= block).view(1, 1, size, size)
    return model(whole, seen, torch.arange(size).unsqueeze(0)).logits[0, len(prompt) :, :VOCAB]


@pytest.mark.parametrize("convention", [SDAR, LLADA2], ids=["bool", "added"])
@pytest.mark.parametrize("at_once", [512, 1])
def test_logits_are_those_of_the_published_calls(convention: Convention, at_once: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(past, "_AT_ONCE", at_once)
    model = Past(VOCAB).eval()
    denoiser = adapt(model, convention)
    condition, time = denoiser.prompts(PROMPTS), torch.ones(4)
    ids = torch.randint(0, VOCAB, (4, LENGTH), generator=torch.Generator().manual_seed(0))
    wanted = torch.stack([by_hand(model, *each) for each in zip(PROMPTS, ids, strict=True)])
    torch.testing.assert_close(denoiser(ids, time, condition), wanted)
    prefix, lead = denoiser.prefix(condition, 4, LENGTH), denoiser.lead(condition, 4)
    for number in range(3):
        places = number * BLOCK + torch.arange(BLOCK) - lead.unsqueeze(1)
        tokens, there = ids.gather(1, places.clamp(0, LENGTH - 1)), (places >= 0) & (places < LENGTH)
        for rows in (torch.arange(4), torch.tensor([0, 2])):
            found = prefix(tokens[rows], time[rows], rows)
            for row, answer in zip(rows.tolist(), found, strict=True):
                real = there[row, : answer.shape[0]]
                torch.testing.assert_close(answer[real], wanted[row, places[row, there[row]]])
        prefix.append(tokens)


def test_prompts_of_unequal_lengths_give_the_same_as_one_by_one() -> None:
    rest = {"sampler": Blocks(LowConfidence(2), BLOCK), "guidance": GUIDED}
    together = draw(SDAR, **rest)[0].tokens
    alone = [draw(SDAR, [row], first_index=row, **rest)[0].tokens for row in range(len(PROMPTS))]
    assert torch.equal(together, torch.cat(alone))


def test_each_prompt_is_computed_once_and_each_block_once_more_than_it_is_asked() -> None:
    block, steps, length, rows = 8, 8, 32, 2
    work = {}
    for cached in (True, False):
        model = Past(VOCAB).eval()
        convention = replace(SDAR, block=block) if cached else replace(SDAR, block=block, cache="none")
        denoiser = adapt(model, convention)
        condition = denoiser.prompts([[1, 2, 3, 4] * 4])
        drawn = dguide.sample(
            denoiser,
            process=denoiser.process,
            length=length,
            condition=condition,
            reference=denoiser.prompts([[6] * 16], like=condition),
            guidance=Normalized(1.0),
            sampler=Blocks(LowConfidence(steps), block),
        )
        assert drawn.calls.conditional == length // block * steps
        work[cached] = model.work
    assert work[True] == LAYERS * rows * (16 + 4 * steps * block + 3 * block)
    assert work[True] <= 1.15 * LAYERS * rows * (16 + 4 * steps * block)
    assert work[False] == LAYERS * rows * 4 * steps * (16 + length)


LEADING = pytest.mark.parametrize("cached", [True, False])


@LEADING
def test_a_reference_whose_blocks_lie_elsewhere_is_refused(cached: bool) -> None:
    model = Past(VOCAB).eval()
    denoiser = adapt(model, SDAR if cached else replace(SDAR, cache="none"))
    rest = {"process": denoiser.process, "length": LENGTH, "guidance": Normalized(1.0)}
    condition = denoiser.prompts(PROMPTS)
    with pytest.raises(InputError, match=r"reference: got a prompt that ends 3 .* for sample 0.*like=condition"):
        dguide.sample(
            denoiser,
            condition=condition,
            reference=denoiser.prompts(NEGATIVE, width=9),
            sampler=Blocks(LowConfidence(2), BLOCK),
            **rest,
        )
    with pytest.raises(InputError, match=r"Blocks size: got 8, expected 4.*Use size=4"):
        dguide.sample(denoiser, condition=condition, sampler=Blocks(LowConfidence(2), 8), **rest)
    with pytest.raises(InputError, match=r"at most 2, the columns of the condition. Make the condition by prompts"):
        denoiser.prompts([[1, 2, 3]], like=denoiser.prompts([[1, 2]]))
    assert model.work == 0


def test_caches_that_would_not_be_exact_are_refused() -> None:
    with pytest.raises(InputError) as found:
        replace(SDAR, shifted=True, after=(1,), time="t", attention="none")
    for what in ("got shifted", "got after", "got time_dependent", "got attention='none'"):
        assert f"Convention cache='past-stored': {what}" in str(found.value)
    with pytest.raises(InputError, match=r"attention: got 'blocks', expected a block"):
        replace(SDAR, block=None, cache="none")
    with pytest.raises(InputError, match=r"cache: got 'past-stored', expected none without block"):
        replace(SDAR, block=None, attention="padding")
    with pytest.raises(InputError, match=r"Convention block: got 8, expected 4, the block_size of the model"):
        adapt(model_of(BD3LM), replace(BD3LM, block=8)).prefix(None, 1, 8)
    with pytest.raises(InputError, match=r"cache of the model: got Past, expected layers with kv_cache"):
        adapt(Past(VOCAB).eval(), BD3LM).prefix(None, 1, 8)
    with pytest.raises(InputError, match=r"length: got 10, expected a multiple of the block, 4, of at most 12"):
        dguide.sample(
            adapt(model_of(BD3LM), BD3LM),
            process=BD3LM.process(),
            length=10,
            count=1,
            sampler=Blocks(FirstHitting(), BLOCK),
        )


@pytest.mark.parametrize("cached", [True, False])
def test_tokens_before_every_prompt_count_in_its_blocks(cached: bool) -> None:
    rest = {"sampler": Blocks(LowConfidence(2), BLOCK), "guidance": GUIDED, "length": LENGTH}
    drawn = []
    for before in ((), (3, 8)):
        means = replace(SDAR, before=before, cache="past-stored" if cached else "none")
        denoiser = adapt(Past(VOCAB).eval(), means)
        rows, away = ([[*(() if before else (3, 8)), *row] for row in part] for part in (PROMPTS, NEGATIVE))
        condition = denoiser.prompts(rows, width=11)
        reference = denoiser.prompts(away, like=condition)
        drawn.append(
            dguide.sample(denoiser, process=means.process(), condition=condition, reference=reference, **rest).tokens
        )
    assert torch.equal(*drawn)


class FromZero(Past):
    """Counts positions from 0 in every call, as a model that is not told them."""

    def forward(self, input_ids: torch.Tensor, position_ids: torch.Tensor, **told: Any) -> Any:
        return super().forward(input_ids, position_ids=position_ids - position_ids[:, :1], **told)


def test_check_model_tells_whether_what_is_kept_changes_the_answer() -> None:
    for convention in (SDAR, LLADA2, BD3LM):
        denoiser = adapt(model_of(convention), convention)
        condition = denoiser.prompts(PROMPTS) if convention.prompted else None
        found = dguide.check_model(denoiser, length=12, condition=condition, count=4)
        assert found["kept blocks"].verdict == "right", found
    wrong = adapt(FromZero(VOCAB).eval(), SDAR)
    line = dguide.check_model(wrong, length=12, condition=wrong.prompts(PROMPTS), count=4)["kept blocks"]
    assert (line.verdict, line.remedy[:5]) == ("wrong", "cache")
    odd = dguide.check_model(adapt(model_of(BD3LM), BD3LM), length=10, count=4)["kept blocks"]
    assert (odd.verdict, "multiple of the block" in odd.seen) == ("not decidable", True)
    none = adapt(Past(VOCAB).eval(), replace(SDAR, cache="none"))
    assert dguide.check_model(none, length=3, count=2)["kept blocks"].verdict == "does not apply"
