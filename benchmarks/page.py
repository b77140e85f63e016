"""Write the numbers of benchmarks/results/*.json between the markers of docs/speed.md."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from studies.common import parser

from . import baselines, common, uniform_baselines
from .targets import TARGETS, Results, verdict
from .vocabulary import STYLES

PAGE = common.ROOT / "docs" / "speed.md"
NAMES = (
    "speed",
    "uniform",
    "masked",
    "draws",
    "confidence",
    "memory",
    "network",
    "pace",
    "scaling",
    "vocabulary",
    "gpu",
)
MISSING = "*Not measured yet.*"
PEOPLE = {
    "dguide ancestral": "**dguide**, `Ancestral`",
    "dguide tau-leaping": "**dguide**, `TauLeaping`",
    "dguide low-confidence": "**dguide**, `LowConfidence`",
    **baselines.SOURCES,
    **uniform_baselines.SOURCES,
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; columns of numbers are set to the right."""
    head, rows = list(head), [list(row) for row in rows]
    numeric = [
        all(re.match(r"[\d.,]+( |$)", cell) or not cell for cell in column) for column in zip(*rows, strict=True)
    ]
    lines = [head, ["---:" if number else "---" for number in numeric], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def read(folder: Path) -> Results:
    """All results there are, by benchmark."""
    paths = {name: folder / f"{name}.json" for name in NAMES}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.exists()}


def targets(results: Results) -> str:
    rows, short, measured_some = [], [], False
    for target in TARGETS:
        value = target.value(results)
        measured = "not measured" if value is None else target.shown(value)
        rows.append((target.text, target.asked, measured, verdict(target, value)))
        measured_some = measured_some or value is not None
        if value is not None and not target.met(value):
            short.append(f"- {target.text}: {measured}, asked {target.asked}")
    parts = [table(("quantity", "target", "measured", "target met"), rows)]
    if short:
        parts.append("**Falls short:**\n\n" + "\n".join(short))
    elif measured_some:
        parts.append("Of what was measured nothing falls short.")
    return "\n\n".join(parts)


def machine(results: Results) -> str:
    if not results:
        return MISSING
    rows = []
    for name, found in results.items():
        m = found["machine"]
        device = m.get("gpu", f"{m['cpu']}, {m['cores']} cores")
        commit, _, changed = m["commit"].partition(" ")
        load = "" if m["load before"] is None else f"{m['load before']:.1f}"
        versions = (m["torch"], m["dguide"], f"{commit[:10]} {changed}".strip())
        rows.append((f"`{name}`", device, str(m["threads"]), load, *versions, m["date"][:16].replace("T", " ")))
    head = ("results", "machine", "threads", "load before", "torch", "dguide", "commit", "date (UTC)")
    note = "The load is the mean number of processes that needed a core in the minute before, including the benchmark."
    return f"{table(head, rows)}\n\n{note}"


def speed(results: Results) -> str:
    parts = []
    for name, found in results["speed"]["results"].items():
        seconds = found["seconds"]
        own = seconds["dguide ancestral"]
        sizes = f"B = {found['batch']}, L = {found['length']}, V = {found['vocab']:,}, {found['steps']} steps"
        parts.append(f"**{name}**: {sizes}; baselines: {found['baselines']}\n")
        rows = [(PEOPLE[who], common.seconds(value), times(value / own)) for who, value in seconds.items()]
        parts.append(table(("sampler", "time of a run", "multiple of `Ancestral`"), rows) + "\n")
    return "\n".join(parts).rstrip()


def uniform(results: Results) -> str:
    parts = []
    for name, found in results["uniform"]["results"].items():
        seconds = found["seconds"]
        sizes = f"B = {found['batch']}, L = {found['length']}, V = {found['vocab']:,}, {found['steps']} steps"
        parts.append(f"**{name}**: {sizes}; reading takes {common.seconds(seconds['read'])}\n")
        rows = [
            (PEOPLE.get(who, f"**dguide**, {who}"), common.seconds(seconds[who]), f"{reads:,.1f}",
             times(seconds["plug-in"] / seconds[who]))
            for who, reads in found["reads"].items()
        ]  # fmt: skip
        head = ("sampler", "time of a step", "multiple of reading", "times faster than plug-in")
        parts.append(table(head, rows) + "\n")
    return "\n".join(parts).rstrip()


def masked(results: Results) -> str:
    rows = [
        (f"`{name.replace(', ', '`, `')}`", found["needs"], f"{found['masks']:,}", f"{found['asked']:,}",
         f"{found['times read']:.2f}", f"{found['ratio']:.1f}")
        for name, found in results["masked"]["results"].items()
    ]  # fmt: skip
    heads = (
        "sampler and mechanism",
        "must read",
        "masks at first",
        "rows asked for",
        "times read",
        "time over one read",
    )
    return table(heads, rows)


def draws(results: Results) -> str:
    rows = []
    for case in results["draws"]["results"]:
        cells = (f"{value:.1f}" for value in case["reads"].values())
        rows.append((f"{case['rows']} rows of {case['vocab']:,}, {case['dtype']}", *cells))
    return table(("rows, V and precision", *results["draws"]["results"][0]["reads"]), rows)


def memory(results: Results) -> str:
    found = results["memory"]["results"]
    people = list(dict.fromkeys(who for shape in found.values() for who in shape["extra"]))
    head = ("sampler", *(f"{name} (logits {shape['logits'] / 1e6:.0f} MB)" for name, shape in found.items()))
    rows = [(PEOPLE[who], *(f"{shape['extra'][who] / 1e6:.1f} MB" for shape in found.values())) for who in people]
    return table(head, rows)


def confidence(results: Results) -> str:
    rows = []
    for name, found in results["confidence"]["results"].items():
        each = found["seconds a step"]
        cells = [f"{common.seconds(each[way])} ({found['ratio'][way]:.2f} x)" for way in ("row by row", "one sum")]
        rows.append((name, f"{found['rows'] / found['steps']:.0f}", common.seconds(each["run"]), *cells))
    return table(("shape", "masked rows in a step", "time of a step", "reading row by row", "reading as one sum"), rows)


def network(results: Results) -> str:
    rows = []
    for name, found in results["network"]["results"].items():
        for way, text in (("outside", ""), ("all logits", ", without `logits_at`")):
            if way not in found:
                continue
            share, half = found[way], found["half"]
            rows.append((
                f"{name}, {share['parameters'] / 1e6:.1f} million parameters, B = {found['batch']}{text}",
                f"{share['steps']} of {share['of steps']}",
                common.seconds(share["seconds"] / share["calls"]),
                f"{100 * share['share outside']:.2f} %",
                f"{half['ratio']:.3f} ({half['steps']} steps)" if way == "outside" else "",
            ))  # fmt: skip
    return table(
        ("network", "steps measured", "time of a step", "share outside the network", "guidance on half of [0, 1]"), rows
    )


def pace(results: Results) -> str:
    found = results["pace"]["results"]
    rows = []
    for left, value in found["float32"].items():
        own, plain = found["dguide"][left], found["counted"].get(left)
        rows.append((left, within(value, 4), f"{value['summed']:.4f}", within(plain, 2) if plain else "too rare",
                     f"{value['peaked']:.4f}", within(own, 3)))  # fmt: skip
    same = "the same positions" if found["same positions"] else "**other** positions"
    note = f"\n\ndguide was measured with 2 tokens. With {found['vocab']:,} tokens it unmasks {same} in every step."
    head = ("steps left", "float32 Gumbel, measured", "summed exactly", "counted", "one token, summed", "dguide")
    return table(head, rows) + note


PICTURE = "![Seconds of a run against length, vocabulary, batch and steps, log-log](images/scaling.svg)"


def scaling(results: Results) -> str:
    found = results["scaling"]["results"]["sizes"]
    people = list(next(iter(found.values()))["seconds"])
    rows = [(PEOPLE[who], *(f"{found[size]['exponents'][who]:.2f}" for size in found)) for who in people]
    ranges = (f"{size} ({s['values'][0]:,} to {s['values'][-1]:,})" for size, s in found.items())
    return f"{PICTURE}\n\n{table(('exponent of the cost in', *ranges), rows)}"


VOCABULARY = "![Seconds of a step against the vocabulary, log-log](images/vocabulary.svg)"


def vocabulary(results: Results) -> str:
    found = results["vocabulary"]["results"]
    rows = [
        (label, *(common.seconds(value) for value in found["seconds"][who]), f"{found['exponents'][who]:.2f}")
        for who, (label, *_) in STYLES.items()
    ]
    head = ("a step", *(f"V = {value:,}" for value in found["values"]), "exponent")
    return f"{VOCABULARY}\n\n{table(head, rows)}"


def gpu(results: Results) -> str:
    found = results["gpu"]["results"]
    draws = [found["draw"], found["large draw"]]
    header = (f"{draws[0]['rows']} rows in bfloat16", *(f"V = {draw['vocab']:,}" for draw in draws))
    body = [
        (who, *(f"{draw['bytes a second'][who] / 1e9:.0f} GB/s, {100 * draw['shares'][who]:.0f} %" for draw in draws))
        for who in draws[0]["shares"]
    ]
    body.append(("copy", *(f"{draw['bytes a second']['copy'] / 1e9:.0f} GB/s" for draw in draws)))
    inside = found["networks"]
    shares = [
        (who, common.seconds(value), f"{100 * inside['share outside'][who]:.2f} %")
        for who, value in inside["seconds"].items()
    ]
    lines = [
        table(header, body) + "\n",
        table(("network of 100 million parameters", "whole run", "share outside the network"), shares) + "\n",
    ]
    people = list(dict.fromkeys(who for run in found["runs"].values() for who in run["seconds"]))
    rows = []
    for who in people:
        cells = [
            (who in run["seconds"] and common.seconds(run["seconds"][who])) or "" for run in found["runs"].values()
        ]
        rows.append((PEOPLE[who], *cells))
    return "\n".join([*lines, table(("whole run", *found["runs"]), rows)])


def within(value: dict[str, float], digits: int) -> str:
    return f"{value['pace']:.{digits}f} ± {value['error']:.{digits}f}"


def times(ratio: float) -> str:
    return f"{ratio:,.0f} x" if ratio >= 20 else f"{ratio:.1f} x" if ratio >= 0.1 else f"{ratio:.2g} x"


SECTIONS: dict[str, Callable[[Results], str]] = {name: globals()[name] for name in ("targets", "machine", *NAMES)}


def filled(text: str, results: Results) -> str:
    """The page with every section between its markers written anew."""
    for name, section in SECTIONS.items():
        there = name not in NAMES or name in results
        body = section(results) if there else MISSING
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"docs/speed.md has no markers <!-- begin {name} --> and <!-- end {name} -->")
        text = pattern.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)
    return text


def main(words: Iterable[str] = ()) -> None:
    command = parser(__doc__, "docs/speed.md", "a second")
    command.add_argument("--check", action="store_true", help="change nothing, fail if the page is not up to date")
    check = command.parse_args(list(words)).check
    old = PAGE.read_text(encoding="utf-8")
    new = filled(old, read(common.RESULTS))
    if check:
        if new != old:
            raise SystemExit("docs/speed.md is not what benchmarks/results say: run python -m benchmarks.page")
        return
    temporary = PAGE.with_name(f".{PAGE.name}.{os.getpid()}")
    temporary.write_text(new, encoding="utf-8")
    os.replace(temporary, PAGE)
    print(PAGE)


if __name__ == "__main__":
    main(sys.argv[1:])
