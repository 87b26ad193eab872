# Everything happens in .venv; nothing of the system is changed.
#   make demo    try it: ARGS="--headless --json" passes options on
#   make test    run the tests
#   make cluster-test   a chain on four hosts in network namespaces, and every fault; needs root, skipped elsewhere
#   make chaos SEED=1 SECONDS=120   the whole system, while one process after the other is killed or stopped; the last line is JSON
#   make overload   fifty cameras: what becomes of frames, visits and presses
#   make lint    ruff and mypy
#   make audit   known faults of the pinned versions, from osv.dev
#   make hashed  before any of these: install by hashes.txt, whose sha256 sums the package index listed; torch comes later
#   make constraints   take the newest releases that pyproject.toml allows

PYTHON ?= python3
BIN := .venv/bin
SEED ?= 1
SECONDS ?= 120
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: audit demo test hashed cluster-test chaos overload lint constraints

demo: .venv/.installed
	@$(BIN)/amiko networks pull >&2
	@$(BIN)/amiko demo $(ARGS)

test: .venv/.installed-test
	@$(BIN)/amiko networks pull >&2
	@$(BIN)/python -m pytest $(ARGS)

cluster-test: .venv/.installed-test
	@$(BIN)/amiko networks pull >&2
	@$(BIN)/python -m pytest -v -s -o addopts="-ra --strict-markers --strict-config -p no:cacheprovider" tests/cluster $(ARGS)

chaos: .venv/.installed-test
	@$(BIN)/amiko networks pull >&2
	@$(BIN)/python -m tests.chaos.run --seed $(SEED) --seconds $(SECONDS) $(ARGS)

overload: .venv/.installed-test
	@$(BIN)/amiko networks pull >&2
	@$(BIN)/python -m tests.chaos.overload $(ARGS)

lint: .venv/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' || { echo "Python's venv is missing: sudo apt-get install python3-venv" >&2; exit 2; }
	@$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing what Amiko needs into .venv (a few minutes, once) …" >&2
	@$(PIP) -e . >&2
	@sh scripts/opencv.sh >&2
	@touch $@

.venv/.installed-test: .venv/.installed
	@$(PIP) -e '.[test]' >&2
	@touch $@

hashed: .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r hashes.txt

audit: .venv/bin/python
	@$(BIN)/python -m venv .venv/audit
	@.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.venv/audit/bin/pip-audit --strict --vulnerability-service osv --disable-pip --no-deps -r constraints.txt

constraints:
	sh scripts/constraints.sh $(PYTHON)
