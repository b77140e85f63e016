"""A weight in each convention tilts by the formula of that convention as `tilt` does by w."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dguide import InputError
from dguide.categorical import normalise, tilt
from dguide.guidance import SCALES, from_scale, to_scale


@pytest.mark.parametrize("convention", SCALES)
def test_the_formula_of_each_convention_is_the_tilt(convention):
    c, u = torch.randn(2, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64).log_softmax(-1)
    for w in (-1.0, 0.0, 1.5):
        s = to_scale(w, convention)
        assert from_scale(s, convention) == w
        found = eval(SCALES[convention].formula, {"s": s, "c": c, "u": u})
        wanted = normalise(tilt(c, u, torch.tensor(w, dtype=torch.float64)))[0]
        torch.testing.assert_close(found.log_softmax(-1), wanted)


def test_what_is_no_scale_is_refused():
    with pytest.raises(InputError, match=r"guidance_scale of diffusers: got -0\.5, .* of at least 0"):
        from_scale(-0.5, "diffusers")
    with pytest.raises(InputError, match=r"weight of dguide: got -1\.5, expected a finite number of at least -1"):
        to_scale(-1.5, "llada")
    with pytest.raises(InputError, match="cfg_scale: got True, expected a number"):
        from_scale(True, "llada")
    with pytest.raises(InputError, match="unknown convention of guidance weights: got 'cfg_scale', expected one of"):
        from_scale(1.0, "cfg_scale")


def test_the_table_of_the_documents_is_that_of_the_code():
    text = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")
    for convention, scale in SCALES.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f'| `"{convention}"`')]
        _, _, name, relation, formula, _ = (cell.strip().strip("`") for cell in row.split("|"))
        assert name == scale.name
        assert relation == ("s = 1 + w" if scale.shift else "s = w")
        assert formula == scale.formula.replace(" * ", " ")
