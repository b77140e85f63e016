#!/usr/bin/env bash
# What there is to know about dguide on a GPU, in at most 8 minutes: the tests of the kernels, the benchmark of the draws
# and of whole runs, and the times of sampling and training. Results go to benchmarks/results.
#
#     benchmarks/on_gpu.sh            needs a CUDA device; PYTHON=... chooses the Python
#     benchmarks/on_gpu.sh --quick    tries all of it on the CPU, in about a minute, and keeps no results
#
# A part that fails, or takes longer than its share, does not stop the others. The exit status is then 1; it is 2
# without a device.
set -uo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-.venv/bin/python}
[ -x "$(command -v "$python")" ] || python=python3
options=()
case "${1-}" in
    "")
        found='import sys, torch; sys.exit(None if torch.cuda.is_available() else "PyTorch sees no CUDA device here")'
        "$python" -c "$found" || exit 2
        ;;
    --quick)
        export CUDA_VISIBLE_DEVICES=
        out=$(mktemp -d)
        trap 'rm -rf "$out"' EXIT
        options=(--quick --out "$out")
        ;;
    *)
        echo "$0: got $1, expected nothing or --quick" >&2
        exit 2
        ;;
esac

status=0
part() {
    local seconds=$1
    shift
    echo "== $*"
    timeout "$seconds" "$python" -m "$@" || { echo "== failed with status $?: $*" >&2; status=1; }
}
part 120 pytest tests/gpu -ra
part 240 benchmarks.gpu "${options[@]+"${options[@]}"}"
part 120 benchmarks.models "${options[@]+"${options[@]}"}"
exit $status
