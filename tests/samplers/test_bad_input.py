"""What cannot work is a `ValueError` that says what came, what was expected and the remedy, before any work starts."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from helpers import Network, law_on_data, oracle
from torch import Tensor

import dguide
from dguide import (
    SMC,
    Ancestral,
    Blocks,
    EntropyBounded,
    Euler,
    FirstHitting,
    Halton,
    Interval,
    LowConfidence,
    LowEntropy,
    Masked,
    Normalized,
    RampUp,
    Simple,
    TauLeaping,
    TopMargin,
    Uniform,
    Unlocking,
    exact,
)

LABELS = torch.tensor([0, 1, 2])
INT, INT32, BOOL = torch.int64, torch.int32, torch.bool


def arguments(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "process": Masked(4),
        "length": 6,
        "condition": LABELS,
        "guidance": Normalized(2.0),
        "sampler": Ancestral(3),
    }
    return base | changes


def refused(match: str, network: Any = None, **changes: Any) -> str:
    """`sample` refuses the changed arguments with `match`, got and expected, without having called the network."""
    network = network or Network(4)
    with pytest.raises(ValueError, match=match) as caught:
        dguide.sample(network, **arguments(**changes))
    text = str(caught.value)
    assert re.search(r"got [\s\S]+, expected [\s\S]+", text), text
    assert not getattr(network, "calls", None), "the network was called first"
    return text


def masks(*shape: int, dtype: torch.dtype = INT) -> Tensor:
    return torch.full(shape, 4, dtype=dtype)


BAD_ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "process class": ({"process": Masked}, "process: .*instance of Masked or Uniform"),
    "process name": ({"process": "masked"}, "process: .*'masked'.*instance of Masked or Uniform"),
    "guidance class": ({"guidance": Normalized}, "guidance: .*instance of Normalized, Simple or Unlocking"),
    "guidance number": ({"guidance": 2.0}, "guidance: got 2.0.*instance of Normalized"),
    "guidance schedule": ({"guidance": RampUp(2.0)}, "guidance: .*instance of Normalized"),
    "sampler name": ({"sampler": "euler"}, "sampler: .*instance of Ancestral, Blocks.*Trapezoidal"),
    "sampler class": ({"sampler": Euler}, "sampler: .*instance of Ancestral"),
    "length 0": ({"length": 0}, "length: got 0, expected an int of at least 1"),
    "length negative": ({"length": -3}, "length: got -3"),
    "length float": ({"length": 6.0}, "length: got 6.0"),
    "length bool": ({"length": True}, "length: got True"),
    "no condition": ({"condition": None}, "condition: .*leading dimension B.*initial"),
    "empty batch": ({"condition": LABELS[:0]}, "condition: got an empty batch, expected at least one sample"),
    "scalar condition": ({"condition": torch.tensor(1)}, "condition: .*leading dimension"),
    "list condition": ({"condition": [0, 1, 2]}, r"condition: got int, expected a tensor.*torch.tensor\(\[\.\.\.\]\)"),
    "text condition": ({"condition": "a cat"}, "condition: got str, expected a tensor"),
    "uneven condition": ({"condition": {"a": LABELS, "b": LABELS[:2]}}, r"condition: .*\(2,\), \(3,\).*common"),
    "batch size 0": ({"batch_size": 0}, "batch_size: got 0, expected an int of at least 1"),
    "batch size float": ({"batch_size": 1.5}, "batch_size: got 1.5"),
    "seed negative": ({"seed": -1}, "seed: got -1, expected an int from 0"),
    "seed large": ({"seed": 2**64}, "seed: got 18446744073709551616"),
    "seed float": ({"seed": 1.0}, "seed: got 1.0"),
    "seed missing": ({"seed": None}, "seed: got None"),
    "first index negative": ({"first_index": -1}, "first_index: got -1, expected an int of at least 0"),
    "first index float": ({"first_index": 0.0}, "first_index: got 0.0"),
    "first index large": ({"first_index": 2**63 - 2}, "first_index: got 9223372036854775806"),
    "few weights": ({"guidance": Normalized(torch.ones(2))}, "weight: got 2 values, expected one for each of the 3"),
    "many weights": ({"guidance": Simple(torch.ones(4))}, "weight: got 4 values, expected one for each of the 3"),
    "device name": ({"device": "gpu"}, "device: got 'gpu', expected a device that this PyTorch can use"),
    "device type": ({"device": 1.5}, "device: got 1.5"),
    "initial list": ({"initial": [[4] * 6] * 3}, r"initial: got list, expected an int64 tensor \[B, L\]"),
    "initial dtype": ({"initial": masks(3, 6, dtype=INT32)}, "initial: got torch.int32, expected an int64 tensor"),
    "initial flat": ({"initial": masks(6)}, r"initial: got shape \(6,\), expected \[3, 6\]"),
    "initial length": ({"initial": masks(3, 5)}, r"initial: got shape \(3, 5\), expected \[3, 6\]"),
    "initial batch": ({"initial": masks(2, 6)}, r"initial: got shape \(2, 6\), expected \[3, 6\]"),
    "initial token": ({"initial": masks(3, 6) + 1}, "initial tokens: got values from 5 to 5, expected 0 to 4"),
    "initial negative": ({"initial": masks(3, 6) - 5}, "initial tokens: got values from -1 to -1, expected 0 to 4"),
    "initial empty": ({"condition": None, "initial": masks(0, 6)}, "got an empty batch"),
    "fixed alone": ({"fixed": torch.ones(3, 6, dtype=BOOL)}, "fixed: got no initial.*Pass initial"),
    "fixed dtype": (
        {"initial": masks(3, 6), "fixed": torch.zeros(3, 6)},
        r"fixed: got torch.float32 \(3, 6\), expected a bool tensor \[3, 6\]",
    ),
    "fixed shape": ({"initial": masks(3, 6), "fixed": torch.zeros(6, dtype=BOOL)}, r"fixed: .*bool tensor \[3, 6\]"),
    "fixed list": ({"initial": masks(3, 6), "fixed": [True]}, "fixed: got list, expected a bool tensor"),
    "fixed masks": (
        {"initial": masks(3, 6), "fixed": torch.ones(3, 6, dtype=BOOL)},
        "fixed: got masked positions held in place, expected decided tokens.*Unset fixed",
    ),
    "uniform initial without fixed": (
        {"process": Uniform(4), "initial": masks(3, 6) - 1},
        "initial with Uniform: got no fixed, expected fixed.*which of its tokens to hold",
    ),
    "reference batch": ({"reference": LABELS[:2]}, "reference"),
    "reference shape": ({"reference": LABELS.unsqueeze(1)}, "reference"),
    "reference structure": ({"reference": {"a": LABELS}}, "reference"),
    "reference list": ({"reference": [1] * 3}, r"reference: got list of 3, expected .*torch.tensor\(\[\.\.\.\]\)"),
    "reference list in a dict": (
        {"condition": {"a": LABELS}, "reference": {"a": [1] * 3}},
        r"reference\['a'\]: got list of 3, expected .*torch.tensor\(\[\.\.\.\]\)",
    ),
    "reference text": ({"reference": "nothing"}, "reference: got str, expected torch.int64 .3., as in condition"),
    "reference dtype": ({"reference": LABELS.float()}, "reference: got torch.float32 .3., expected torch.int64 .3."),
    "reference keys": (
        {"condition": {"a": LABELS}, "reference": {"a": LABELS, "b": LABELS}},
        "reference: got dict of a, b, expected dict of a, as in condition",
    ),
    "reference parts": (
        {"condition": {"a": [LABELS, LABELS]}, "reference": {"a": [LABELS]}},
        r"reference\['a'\]: got list of 1, expected list of 2",
    ),
    "reference part": (
        {"condition": {"a": (LABELS, LABELS)}, "reference": {"a": (LABELS, LABELS[:2])}},
        r"reference\['a'\]\[1\]: got torch.int64 \[2\], expected torch.int64 \[3\]",
    ),
    "first hitting of the uniform process": (
        {"process": Uniform(4), "sampler": FirstHitting()},
        "FirstHitting with the process: got Uniform, expected Masked. Use Ancestral",
    ),
    "first hitting with simple guidance": (
        {"guidance": Simple(1.0), "sampler": FirstHitting()},
        "FirstHitting with Simple.*expected Normalized or Unlocking.*Ancestral, Euler, Remasking, TauLeaping or Trap",
    ),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments(name: str) -> None:
    changes, match = BAD_ARGUMENTS[name]
    refused(match, **changes)


def test_denoiser_that_cannot_be_called() -> None:
    with pytest.raises(ValueError, match="denoiser: got Tensor, expected a callable"):
        dguide.sample(torch.zeros(3), **arguments())


def test_missing_null() -> None:
    def plain(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        raise AssertionError("called")

    for guidance in (Normalized(1.0), Unlocking(Interval(1.0, 0.4, 0.6)), Simple(-1.0), Normalized(torch.ones(3))):
        text = refused("denoiser has no method null", plain, guidance=guidance)
        assert "Add null() to the denoiser, pass reference=, or use weight 0" in text


class BadNull(Network):
    def __init__(self, null: Any) -> None:
        super().__init__(4)
        self.null = null


@pytest.mark.parametrize(
    "null",
    [lambda c: c[:1], lambda c: c[0], lambda c: {"label": c}, lambda c: c.unsqueeze(-1), lambda c: None, lambda c: 3],
    ids=["one row", "scalar", "structure", "shape", "nothing", "number"],
)
def test_null_of_another_shape(null: Any) -> None:
    refused("null", BadNull(null))


@pytest.mark.parametrize("steps", [0, -1, 2.0, True, None, "8"])
@pytest.mark.parametrize("sampler", [Ancestral, Euler, TauLeaping])
def test_bad_steps(sampler: type, steps: Any) -> None:
    with pytest.raises(ValueError, match=rf"{sampler.__name__} steps: got .*, expected an int of at least 1"):
        sampler(steps)


BAD_GRIDS = [[], [1], [1, 1, 0], [0, 1], [1, 0.5], [0.9, 0], [1, 0.2, 0.3, 0], [1, math.nan, 0], [2, 1, 0], [1, 0, -1]]


@pytest.mark.parametrize("grid", [*BAD_GRIDS, 3, None, [1, "x", 0], [[1, 0]]], ids=str)
@pytest.mark.parametrize("sampler", [Ancestral, Euler])
def test_bad_grids(sampler: type, grid: Any) -> None:
    with pytest.raises(ValueError, match=rf"{sampler.__name__} grid: got .*, expected .*decreasing times from 1 to 0"):
        sampler(grid=grid)


@pytest.mark.parametrize(
    "sampler",
    [LowConfidence(2), TopMargin(2), LowEntropy(2), EntropyBounded(), Halton(2, shape=(2, 3)), Blocks(TopMargin(2))],
    ids=str,
)
def test_samplers_that_fix_the_pace_refuse_what_would_set_it(sampler: Any) -> None:
    name = "TopMargin" if isinstance(sampler, Blocks) else type(sampler).__name__
    refused(f"{name} with the process: got Uniform, expected Masked", sampler=sampler, process=Uniform(4))
    for mechanism in (Unlocking, Simple):
        text = refused(f"{name} with {mechanism.__name__}: ", sampler=sampler, guidance=mechanism(1.0))
        assert "expected Normalized" in text
        assert "Samplers along a grid tell them apart: Ancestral, Euler" in text


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LowConfidence(0), "LowConfidence steps: got 0, expected an int"),
        (lambda: TopMargin(2.0), "TopMargin steps: got 2.0"),  # type: ignore[arg-type]
        (lambda: LowEntropy(grid="linear"), "unknown grid: got 'linear', expected one of arccos, cosine, uniform"),
        (lambda: LowEntropy(grid=(1, 0.5)), "LowEntropy grid: .*strictly decreasing shares of masks from 1 to 0"),
        (lambda: LowEntropy(grid=(1, 0.5, 0.5, 0)), "LowEntropy grid: "),
        (lambda: LowConfidence(noise=-1.0), "LowConfidence noise: got -1.0, expected a finite number of at least 0"),
        (lambda: LowConfidence(noise=math.inf), "LowConfidence noise: got inf"),
        (lambda: EntropyBounded(-0.1), "EntropyBounded bound: got -0.1, expected a finite number of at least 0"),
        (lambda: EntropyBounded(math.nan), "EntropyBounded bound: got nan"),
        (lambda: Halton(2, shape=(2, 0)), r"Halton shape: got \(2, 0\), expected \(rows, columns\)"),
        (lambda: Halton(2, shape=6), "Halton shape: got 6"),  # type: ignore[arg-type]
        (lambda: Blocks(SMC(2)), "Blocks sampler: got SMC.*an instance of Ancestral, EntropyBounded.*LowConfidence"),
        (
            lambda: SMC(2, Blocks(Ancestral(2))),
            "SMC sampler: got Blocks around Ancestral.*Blocks around EntropyBounded",
        ),
        (lambda: Blocks(TopMargin(2), 0), "Blocks size: got 0, expected an int of at least 1"),
    ],
)
def test_arguments_of_samplers_that_choose_who_is_unmasked(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_mistyped_grid_lists_the_names() -> None:
    with pytest.raises(ValueError, match=r"unknown grid: got 'cosin', expected one of cosine, uniform.*'cosine'"):
        Ancestral(grid="cosin")


def called(match: str, network: Any, calls: int = 1, **changes: Any) -> str:
    """Logits that cannot be used are refused in the first call."""
    with pytest.raises(ValueError, match=match) as caught:
        dguide.sample(network, **arguments(**changes))
    assert re.search(r"got [\s\S]+, expected [\s\S]+", str(caught.value))
    assert len(network.calls) == calls
    return str(caught.value)


BAD_LOGITS: dict[str, tuple[Any, str]] = {
    "nothing": (lambda x: None, r"logits of the .*got NoneType, expected a tensor \[B, L, V\]"),
    "tuple": (lambda x: (x,), "logits of the .*got tuple"),
    "columns": (lambda x: x[..., :3], r"logits of the .*got \(3, 6, 3\), expected .*\(3, 6, 4\)"),
    "batch": (lambda x: x[:3], r"logits of the .*got \(3, 6, 4\), expected .*\(6, 6, 4\).*6 rows for 3 samples"),
    "length": (lambda x: x[:, 1:], r"logits of the .*got \(3, 5, 4\), expected .*\(3, 6, 4\)"),
    "ints": (lambda x: x.long(), "logits of the .*got torch.int64, expected a floating dtype"),
    "device": (lambda x: x.to("meta"), "logits of the .*got device meta, expected cpu.*device="),
    "probabilities": (lambda x: x.softmax(-1), "nowhere negative and sum to one, expected logits. Pass logits"),
    "half probabilities": (lambda x: x.softmax(-1).half(), "nowhere negative and sum to one"),
}


@pytest.mark.parametrize("name", BAD_LOGITS)
@pytest.mark.parametrize("process", [Masked(4), Uniform(4)], ids=["masked", "uniform"])
def test_bad_logits(name: str, process: Any) -> None:
    edit, match = BAD_LOGITS[name]
    called(match, Network(4, edit=edit), process=process, sampler=Ancestral(1))


@pytest.mark.parametrize(
    ("value", "what"), [(math.nan, "NaN"), (math.inf, r"\+inf"), (-math.inf, "-inf in every column")]
)
@pytest.mark.parametrize("process", [Masked(4), Uniform(4)], ids=["masked", "uniform"])
def test_logits_that_are_not_finite_are_named_with_position_and_call(process: Any, value: float, what: str) -> None:
    def edit(logits: Tensor) -> Tensor:
        logits[1, 4, 2 if value != -math.inf else slice(None)] = value
        return logits

    everywhere = {"process": process, "sampler": Ancestral(1)}
    call = "logits of the conditional call at sample 1, position 4"
    called(rf"{call}: got {what}", Network(4, edit=edit), guidance=Normalized(0.0), **everywhere)
    called(
        rf"logits of the reference call at sample 1, position 4: got {what}",
        Network(4, edit=edit),
        guidance=Normalized(-1.0),
        **everywhere,
    )


def test_the_sample_named_is_that_of_the_caller() -> None:
    def edit(logits: Tensor) -> Tensor:
        logits[-1, 4, 0] = math.nan  # the last row of a stacked call: the reference of the last sample
        return logits

    called("reference call at sample 2, position 4: got NaN", Network(4, edit=edit), sampler=Ancestral(1))
    called(
        "conditional call at sample 2, position 4: got NaN",
        Network(4, edit=lambda x: edit(x) if len(x) == 1 else x),
        calls=2,
        batch_size=2,
        sampler=Ancestral(1),
        guidance=Normalized(0.0),
    )


def test_a_row_with_nothing_but_the_mask_predicts_nothing() -> None:
    forbid = torch.tensor([True, False, True, True])
    for sampler in (Ancestral(2), FirstHitting()):
        network = Network(4, forbid=forbid)
        called("logits of the", network, process=Masked(4, mask_id=1), sampler=sampler)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_logits_that_happen_to_look_like_probabilities_are_no_error(dtype: torch.dtype) -> None:
    # One position a call of two tokens: 0.4 and 0.6 are good logits where others are negative.
    def logits(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        table = torch.tensor([[0.4, 0.6], [-1.0, 2.0], [1.5, -0.5]], dtype=dtype)
        return table[torch.arange(tokens.shape[1]) % 3].expand(*tokens.shape, 2)

    tokens = dguide.sample(
        logits,
        **arguments(process=Masked(2), sampler=FirstHitting(), guidance=Normalized(0.0), condition=LABELS[:1]),
    ).tokens
    assert tokens.shape == (1, 6)


def test_labels_out_of_range() -> None:
    network = oracle(Masked(4), d=3)
    for labels in ([0, 3, 1], [0, -1, 1]):
        with pytest.raises(ValueError, match=r"labels: got .*, expected 0 to 2"):
            dguide.sample(network, **arguments(condition=torch.tensor(labels), length=3))


class TestExact:
    def test_solve_has_no_meaning_for_simple(self) -> None:
        law = law_on_data(Masked(3), 2)
        with pytest.raises(ValueError, match=r"got Simple, .*expected Normalized or Unlocking.*exact.chain"):
            exact.solve(exact.Problem(Masked(3), law, law), Simple(1.0))

    def test_chain_has_no_meaning_for_first_hitting(self) -> None:
        law = law_on_data(Masked(3), 2)
        with pytest.raises(ValueError, match=r"got FirstHitting, expected one along a grid.*exact.solve"):
            exact.chain(exact.Problem(Masked(3), law, law), Normalized(1.0), FirstHitting())

    def test_one_weight_a_sample_has_no_law(self) -> None:
        law, guidance = law_on_data(Masked(3), 2), Normalized(torch.ones(2))
        with pytest.raises(ValueError, match="weight: got a tensor, expected a number or a schedule"):
            exact.solve(exact.Problem(Masked(3), law, law), guidance)
        with pytest.raises(ValueError, match="weight: got a tensor, expected a number or a schedule"):
            exact.chain(exact.Problem(Masked(3), law, law), guidance, Ancestral(2))

    @pytest.mark.parametrize(
        "table",
        [
            torch.ones(3, 3) / 8,
            torch.ones(3, 2) / 6,
            torch.ones(()),
            torch.tensor([[1.5, -0.5, 0], [0, 0, 0], [0, 0, 0]]),
            torch.full((3, 3), math.nan),
            [[1.0]],
        ],
        ids=["sum", "shape", "scalar", "negative", "nan", "list"],
    )
    def test_tables_that_are_no_laws(self, table: Any) -> None:
        law = law_on_data(Masked(3), 2)
        with pytest.raises(ValueError, match=r"cond.*: got .*, expected"):
            exact.Oracle(Masked(3), [table], law)
        with pytest.raises(ValueError, match=r"uncond: got .*, expected"):
            exact.solve(exact.Problem(Masked(3), law, table), Normalized(1.0))

    def test_tables_of_different_length(self) -> None:
        with pytest.raises(ValueError, match=r"tables: got \[1, 2\], expected the same number of positions"):
            exact.Oracle(Masked(3), [law_on_data(Masked(3), 1)], law_on_data(Masked(3), 2))

    def test_too_many_states(self) -> None:
        law = torch.ones([16] * 6) / 16**6
        problem = exact.Problem(Masked(16), law, law)
        with pytest.raises(ValueError, match=r"17\^6 states, expected at most .* Take fewer"):
            exact.chain(problem, Normalized(1.0), Euler())
