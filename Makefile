# Everything a developer needs; `make help` lists it. Needs Python ≥ 3.11 and the package registries.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test fuzz-api lint types format bench docs links clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(VENV)/.runtime ## Set everything up and run three complete turns, saved in out/demo
	$(BIN)/xy-core demo --out out/demo

test: $(VENV)/.dev ## Set everything up and run all tests
	$(BIN)/xy-core models pull --profile embedded
	$(BIN)/pytest -n 2 --dist worksteal $(PYTEST)

fuzz-api: $(VENV)/.dev ## Hold the server against its OpenAPI document (CASES=20000)
	$(BIN)/xy-core models pull --profile embedded
	CASES=$(or $(CASES),20000) $(BIN)/pytest -n 0 -s -m slow tests/server/test_contract.py

lint: $(VENV)/.dev ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

format: $(VENV)/.dev ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure the core beside its peers
	$(BIN)/xy-core bench overhead

docs: $(VENV)/.docs ## Build the documentation into out/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir out/site

links: $(VENV)/.dev ## Ask every web page that the documentation names whether it is there
	$(BIN)/pytest -n 0 -q -m network tests/docs/test_external_links.py

clean: ## Remove the environment, caches and results (not the models)
	rm -rf $(VENV) out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "xy-core needs Python 3.11 or newer: run  make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --editable '.[embedded]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.runtime
	$(PIP) install --quiet --editable '.[embedded,server]' --group dev
	@touch $@

$(VENV)/.docs: pyproject.toml | $(VENV)/.runtime
	$(PIP) install --quiet --editable '.[server]' --group docs
	@touch $@
