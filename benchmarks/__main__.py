"""Run every benchmark of the CPU, each in a process of its own, then write their numbers into docs/speed.md.

Options after the names, such as --repeats 1, go to each of them. The names are:

    speed, uniform, masked, draws, confidence, memory, network, pace, scaling, vocabulary
    backbone, beside, steps, solve, prefix: not of the page, and without options from here
"""

from __future__ import annotations

import subprocess
import sys
import time

from studies.common import parser

from . import common, page

NAMES = ("speed", "uniform", "masked", "draws", "confidence", "memory", "network", "pace", "scaling", "vocabulary")
OTHERS = ("backbone", "beside", "steps", "solve", "prefix")
"""Not of the page, and without options from here."""


def main(words: list[str]) -> None:
    first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    names, options = words[:first] or [*NAMES, *OTHERS], words[first:]
    command = parser(__doc__, "benchmarks/results/*.json and docs/speed.md", "about ten minutes for all")
    command.add_argument("names", nargs="*", help="benchmarks (default: all)")
    command.parse_args(["--help"] if {"-h", "--help"} & {*words} else names)
    unknown = sorted(set(names) - {*NAMES, *OTHERS})
    if unknown:
        raise SystemExit(f"benchmarks: got {', '.join(unknown)}; expected some of {', '.join((*NAMES, *OTHERS))}")
    for name in names:
        print(f"\n==== {name}", flush=True)
        began = time.perf_counter()
        command = [sys.executable, "-m", f"benchmarks.{name}", *(options if name in NAMES else ())]
        subprocess.run(command, check=True, cwd=common.ROOT)
        print(f"==== {name} took {time.perf_counter() - began:.0f} s", flush=True)
    page.main()


if __name__ == "__main__":
    main(sys.argv[1:])
