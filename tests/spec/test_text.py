from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dguide
from dguide.data import load
from dguide.guidance import MECHANISMS, SCHEDULES
from dguide.noise import NOISES
from dguide.samplers import SAMPLERS
from dguide.spec import Registry, written


class Made(dict[str, Any]):
    """What the functions below make: their arguments."""


def plain(side: int = 28, share: float = 0.5, grey: bool = True) -> Made:
    return Made(locals())


def files(path: Path, size: int | None = None, name: str = "x") -> Made:
    return Made(locals())


def grids(steps: int, shape: tuple[int, int] = (1, 1), *, times: str | Sequence[float] = "uniform") -> Made:
    return Made(locals())


def bare(count=3, name="x"):
    return Made(locals())


THINGS: Registry[Made] = Registry("thing", Made, {"plain": plain, "files": files, "grids": grids, "Bare": bare})


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("plain", {}),
        (" Plain ", {}),
        ("plain:side=14, share=.25,grey=false", {"side": 14, "share": 0.25, "grey": False}),
        ("plain:14", {"side": 14}),
        ("plain:14, .5,grey=no", {"side": 14, "share": 0.5, "grey": False}),
        ("files:a/b c.csv", {"path": Path("a/b c.csv")}),
        ("files:C:/data,size=3", {"path": Path("C:/data"), "size": 3}),
        ("files:path=a=b,name=漢", {"path": Path("a=b"), "name": "漢"}),
        ("files:a=b", {"path": Path("a=b")}),
        ("files:a, b,c,size=4", {"path": Path("a, b,c"), "size": 4}),
        ("files:(a (1),size=4", {"path": Path("(a (1)"), "size": 4}),
        ("files:a,name=", {"path": Path("a"), "name": ""}),
        ("files:a,name=b,c", {"path": Path("a"), "name": "b,c"}),
        ("grids:3,shape=2x4,times=1;0.5;0", {"steps": 3, "shape": (2, 4), "times": (1.0, 0.5, 0.0)}),
        ("grids:3,times=cosine", {"steps": 3, "times": "cosine"}),
        ("bare:4,name=7", {"count": 4, "name": "7"}),
    ],
)
def test_a_name_with_options_is_a_call(text: str, arguments: dict[str, Any]) -> None:
    call = THINGS.call(text)
    assert call.arguments == arguments
    assert {name: call()[name] for name in arguments} == arguments


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert THINGS.call("files:~/x y,size=3").arguments == {"path": tmp_path / "x y", "size": 3}
    assert THINGS.call("files:~nobody-of-this-name/x").arguments == {"path": Path("~nobody-of-this-name/x")}
    (tmp_path / "x.csv").write_text("seq,kind\n" + "".join(f"{'A' * n},0\n{'C' * n},1\n" for n in range(1, 7)))
    assert load("csv:~/x.csv,label=kind").vocab_size == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plan", r"unknown thing: got 'plan', expected one of bare, files, grids, plain. Did you mean 'plain'"),
        ("plain:seide=14", r"option of thing plain: got 'seide', expected one of grey, share, side. .*'side'"),
        ("plain:1,2,3,4", r"'1,2,3,4', expected at most side, share, grey"),
        ("plain:grey=no,14", r"grey of thing plain: got 'no,14'"),
        ("plain:side=1,side=2", r"side twice"),
        ("plain:14,side=2", r"side twice"),
        ("plain:side=14.5", r"side of thing plain: got '14.5', expected a whole number"),
        ("plain:grey=maybe", "true or false"),
        ("files", r"thing files: got no path, expected files:PATH"),
        ("files:size=3", r"no path"),
        ("files:", r"no path"),
        ("files:a,size=big", r"size of thing files: got 'big', expected a whole number"),
        ("grids:3,shape=2", r"shape of thing grids: got '2', expected numbers such as 8x8"),
        ("grids:shape=2x2", r"no steps, expected grids:STEPS"),
    ],
)
def test_mistakes_are_told_with_what_there_is(text: str, message: str) -> None:
    with pytest.raises(dguide.InputError, match=message):
        THINGS.read(text)


def test_load_takes_the_same_form() -> None:
    with pytest.raises(ValueError, match=r"data set digits: got 'side'"):
        load("digits:side=4")


def test_the_same_text_as_before() -> None:
    """Checkpoints and archives hold these."""
    assert str(dguide.noise.Polynomial(2.0)) == "polynomial:2.0"
    assert str(dguide.noise.Geometric()) == "geometric:1e-05,20.0"
    assert str(dguide.noise.Linear()) == "linear"
    assert str(dguide.RampUp(2.0, right=0.3)) == "ramp-up:2.0,left=0.0,right=0.3"
    assert str(dguide.Constant(2)) == "constant:2.0"
    assert str(dguide.Piecewise(((0, 3), (0.5, 1), (1, 0)))) == "piecewise:0.0=3.0;0.5=1.0;1.0=0.0"
    assert str(dguide.InverseV(1)) == "inverse-v:1.0"
    given = {"path": Path("a,b.csv"), "text": "x", "split": "characters", "length": 4}
    assert written("csv", dguide.data.LOADERS["csv"], given, full=False) == "csv:a,b.csv,text=x,length=4"


def test_samplers_as_text() -> None:
    texts = {
        "ancestral:steps=16,grid=cosine": dguide.Ancestral(16, "cosine"),
        "first-hitting": dguide.FirstHitting(),
        "low-confidence:noise=4.5": dguide.LowConfidence(noise=4.5),
        "smc:particles=8": dguide.SMC(8),
        "smc:8,(ancestral:steps=16)": dguide.SMC(8, dguide.Ancestral(16)),
        "smc:particles=8,sampler=(ancestral:16,grid=work),weight=2": dguide.SMC(8, dguide.Ancestral(16, "work"), 2.0),
        "trapezoidal:theta=0.3": dguide.Trapezoidal(theta=0.3),
        "halton:4,shape=8x8": dguide.Halton(4, shape=(8, 8)),
        "blocks:sampler=low-entropy,size=4": dguide.Blocks(dguide.LowEntropy(), 4),
        "blocks:(low-entropy:steps=2),4": dguide.Blocks(dguide.LowEntropy(2), 4),
        "remasking:rate=1,window=0.2;0.8": dguide.Remasking(rate=1.0, window=(0.2, 0.8)),
        "euler:grid=1;0.25;0": dguide.Euler(grid=(1.0, 0.25, 0.0)),
    }
    for text, sampler in texts.items():
        assert SAMPLERS.read(text) == sampler, text
        assert SAMPLERS.read(SAMPLERS.write(sampler)) == sampler
    assert SAMPLERS.write(dguide.SMC(8, dguide.Ancestral(16))) == (
        "smc:particles=8,sampler=(ancestral:steps=16,grid=uniform),threshold=0.5"
    )


shares = st.floats(0.001, 0.999)
grids_of_times = st.one_of(st.sampled_from(["uniform", "cosine", "work"]), shares.map(lambda x: (1.0, x, 0.0)))
counts = st.integers(1, 10**6)
on_grid = st.one_of(
    st.builds(dguide.Ancestral, counts, grids_of_times),
    st.builds(dguide.Trapezoidal, counts, grids_of_times, theta=shares),
    st.builds(dguide.Remasking, counts, cap=shares, rate=st.floats(0, 1e300), window=shares.map(lambda x: (0.0, x))),
)
choosing = st.one_of(
    st.builds(dguide.LowConfidence, counts, noise=st.floats(0, 1e300)),
    st.builds(dguide.EntropyBounded, st.floats(0, 1e300)),
    st.builds(dguide.Halton, counts, shape=st.tuples(counts, counts)),
)
samplers = st.one_of(
    on_grid,
    st.builds(dguide.SMC, counts, on_grid, st.one_of(st.none(), st.floats(-1, 1e300)), shares),
    st.builds(dguide.Blocks, choosing, counts),
    st.builds(dguide.SMC, counts, st.builds(dguide.Blocks, st.builds(dguide.Halton, counts, shape=st.just((2, 3))))),
)
weights = st.floats(-1, 1e6)
ends = st.tuples(shares, shares).map(sorted).filter(lambda pair: pair[0] < pair[1])
schedules = st.one_of(
    st.builds(dguide.Constant, weights),
    ends.flatmap(lambda pair: st.builds(dguide.Interval, weights, st.just(pair[0]), st.just(pair[1]))),
    ends.flatmap(lambda pair: st.builds(dguide.RampUp, weights, st.just(pair[0]), st.just(pair[1]))),
    st.builds(dguide.Power, st.floats(0, 1e6), st.floats(0, 9)),
    st.tuples(weights, shares, weights, weights).map(
        lambda x: dguide.Piecewise(((0.0, x[0]), (x[1], x[2]), (1.0, x[3])))
    ),
)


@given(samplers)
def test_a_sampler_survives_the_way_through_text(sampler: Any) -> None:
    assert SAMPLERS.read(SAMPLERS.write(sampler)) == sampler


@given(schedules)
def test_a_schedule_survives_the_way_through_text(schedule: dguide.Schedule) -> None:
    assert dguide.parse_schedule(str(schedule)) == schedule
    mechanism = dguide.Unlocking(schedule)
    again = MECHANISMS.read(MECHANISMS.write(mechanism))
    assert type(again) is dguide.Unlocking
    assert again.weight == schedule


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1.0), st.floats(1.5, 1e300))
def test_a_noise_schedule_survives_the_way_through_text(power: float, low: float, high: float) -> None:
    for noise in (dguide.noise.Polynomial(power), dguide.noise.Geometric(low, high), dguide.noise.Cosine()):
        assert NOISES.read(NOISES.write(noise)) == noise
    process = dguide.Masked(7, noise=dguide.noise.Geometric(low, high))
    assert dguide.process.PROCESSES.restore(dguide.process.PROCESSES.describe(process)) == process


def test_every_name_is_that_of_its_class() -> None:
    for registry in (SAMPLERS, SCHEDULES, NOISES, MECHANISMS):
        for name, target in registry.items():
            assert registry.name_of(target) == name.lower()
            assert name.replace("-", "").lower() == target.__name__.lower()


@dataclass(frozen=True)
class Named:
    name: str = "x"
    size: int | None = 3


NAMED: Registry[Named] = Registry("named thing", Named, {"named": Named})


@pytest.mark.parametrize("value", [Named("a", None), Named("(a"), Named(""), Named("none", 4)], ids=repr)
def test_what_can_be_read_back(value: Named) -> None:
    assert NAMED.read(NAMED.write(value)) == value


def test_what_cannot_be_read_back_is_not_written() -> None:
    with pytest.raises(dguide.InputError, match="named thing as text"):
        NAMED.write(Named("a,size=4"))
