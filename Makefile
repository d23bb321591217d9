# One place for every command. `make` alone lists them.
# the Python to build the environment with: python3 if it is new enough, else a newer one beside it
PY   ?= $(firstword $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	  $$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$each; done) python3)
HOME_DIR ?= .pimcollect
BIN  := .venv/bin
DONE := .venv/.done-$(shell cat requirements-*.txt pyproject.toml | cksum | cut -d' ' -f1)
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo run test cover lint house format bench chaos fuzz rounds locks clean
help:
	@echo "make demo   set up, then walk one survey through the whole service and tell the story"
	@echo "make test   set up, then run the tests"
	@echo "make run    keep the service up on this machine (Ctrl-C stops it)"
	@echo "make setup | cover | lint | house | format | bench | chaos | fuzz | rounds | locks | clean"

$(DONE):
	@$(PY) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, for example: make PY=python3.13 demo")'
	@$(PY) -c 'import ensurepip' 2>/dev/null || { echo "This Python cannot make environments; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "setting up (once) ..."
	@test -x $(BIN)/python || $(PY) -m venv .venv
	@if $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-tools.txt; then \
	   $(BIN)/uv pip sync -q --python $(BIN)/python --compile-bytecode --require-hashes --build-constraints requirements-build.txt requirements-dev.txt \
	   && $(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	 else echo "uv has no build for this machine: using pip, which is slower" >&2; \
	   $(BIN)/python -m pip install -q --require-hashes -r requirements-dev.txt \
	   && $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .; fi
	@rm -f .venv/.done-* && touch $@

setup: $(DONE)

demo: $(DONE)
	@$(BIN)/python -m tests.journeys.demo

run: $(DONE)
	@$(BIN)/pimcollect up --home $(HOME_DIR)

test: $(DONE)
	@$(BIN)/python -m pytest -q -n auto --dist loadfile

# the same tests, and which lines none of them reach; takes two thirds longer
cover: $(DONE)
	@$(BIN)/python -m pytest -q -n auto --dist loadfile --cov --cov-report=term:skip-covered

lint: $(DONE)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

house: $(DONE)
	@$(BIN)/lint-imports && $(BIN)/python -m pytest -q tests/house

format: $(DONE)
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(DONE)
	@$(BIN)/python -m tests.bench.run

# CHAOS="F04 F06" for some of F01 to F30, --quick for small numbers, --naive for the control
chaos: $(DONE)
	@$(BIN)/python -m tests.faults.run $(CHAOS)

rounds: $(DONE)
	@$(BIN)/python -m tests.rounds.run $(ROUNDS)

# FUZZ="--seconds 60 kobo_json odk" for less than ten minutes for each parser
fuzz: $(DONE)
	@$(BIN)/python -m tests.fuzz.run $(FUZZ)
	@PIM_FUZZ_EXAMPLES=300 $(BIN)/python -m pytest -q tests/fuzz/test_doors.py

# The locks name packages by version and hash only, never by the address they come from.
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header
locks: $(DONE)
	@$(LOCK) --extra embedded -o requirements.txt pyproject.toml
	@$(LOCK) --extra embedded --group dev -c requirements.txt -o requirements-dev.txt pyproject.toml

clean:
	@rm -rf .venv .coverage* .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pimcollect-demo
