# Two commands do everything: `make up` and `make test`.
.PHONY: help up test check soak bench clean lock

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Compiled modules are kept, whatever the shell says: compiling the libraries anew takes each process ten seconds.
export PYTHONDONTWRITEBYTECODE :=

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

up: $(STAMP) ## the whole product with a sample company, on localhost; Ctrl-C stops it
	@$(BIN)/aispend up

# A third of their time tests wait for servers and browsers: three at once on two cores.
test: $(STAMP) ## install what tests need, then run all of them
	@$(BIN)/python tests/requirements.py
	@$(BIN)/pytest -n 3 --dist worksteal

check: $(STAMP) ## format, lint, types, import contracts, migrations match the schema, docs are current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m migrations.check
	$(BIN)/python -m aispend.cli.docs --check

soak: $(STAMP) ## the long runs: fuzzing and kills in full
	AISPEND_SOAK=1 $(BIN)/pytest -n 2 -m soak

bench: $(STAMP) ## each benchmark prints a ratio against a stated limit
	$(BIN)/python -m benchmarks

lock: $(STAMP) ## resolve the dependencies again
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group test --group check pyproject.toml -o requirements.lock

clean: ## remove the environment and caches (data stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis build *.egg-info

# uv installs in seconds; where it cannot be had, pip does the same more slowly.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "aispend needs Python 3.11, 3.12 or 3.13; found: $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) …"
	@if $(BIN)/pip install -q --disable-pip-version-check uv 2>/dev/null; then \
	   $(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock && \
	   $(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .; \
	 else \
	   $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && \
	   $(BIN)/pip install -q --disable-pip-version-check --no-deps -e .; \
	 fi
	@touch $@
