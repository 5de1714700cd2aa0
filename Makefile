# davserver: the two commands are `make run` and `make test`. Both make a virtual environment in .venv first.
#
#   make run      start the server at http://127.0.0.1:8080, data in ./data   (LISTEN=HOST:PORT DATA=DIR)
#   make test     all tests, on all cores                                   (ARGS="tests/test_auth.py -k basic")
#   make check    ruff, ruff format, mypy --strict, import rules
#   make interop  the tests that run real clients, servers and suites
#   make translations  the catalogs of the pages' words, brought up to date and compiled
#   make bench    side by side with other servers

PYTHON ?= python3
VENV   ?= .venv
LISTEN ?= 127.0.0.1:8080
DATA   ?= data
ARGS   ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# As pip does for what it copies: without it, where Python may not write, each start compiles all of it.
COMPILE := $(BIN)/python -m compileall -q davserver admin

.PHONY: run test check format interop translations bench clean

run: $(VENV)/.run-ready
	@DAVSERVER_DATA_DIR="$(DATA)" exec $(BIN)/davserver serve --listen $(LISTEN)

test: $(VENV)/.test-ready
	@$(BIN)/python -m pytest -m "not interop" -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.test-ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test-ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

interop: $(VENV)/.test-ready
	@$(BIN)/python -m pytest -m interop $(ARGS)

translations: $(VENV)/.test-ready
	@$(BIN)/python -m tests.catalogs

bench: $(VENV)/.run-ready
	@$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The stamps are newer than pyproject.toml as long as what it asks for is installed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "davserver needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv is missing. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: pyproject.toml | $(BIN)/python
	@$(PIP) install -e .
	@$(COMPILE)
	@touch $@

$(VENV)/.test-ready: pyproject.toml | $(BIN)/python
	@$(PIP) install -e '.[test,postgresql,mariadb]'
	@$(COMPILE)
	@touch $@ $(VENV)/.run-ready
