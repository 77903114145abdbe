# Everything a developer needs; `make help` lists it. Needs Python ≥ 3.11 and the package registries.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TYPESCRIPT := 5.9.3
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test fuzz-api fuzz-decoders check-wheel lint types web-types screenshots format bench docs links clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: $(VENV)/.runtime ## Set everything up and run three complete turns, saved in out/demo
	$(BIN)/xy-core demo --out out/demo

test: $(VENV)/.dev ## Set everything up and run all tests
	$(BIN)/xy-core models pull --profile embedded
	$(BIN)/pytest -n 2 --dist worksteal $(PYTEST)

fuzz-api: $(VENV)/.dev ## Hold the server against its OpenAPI document (CASES=20000)
	$(BIN)/xy-core models pull --profile embedded
	CASES=$(or $(CASES),20000) $(BIN)/pytest -n 0 -s -m slow tests/server/test_contract.py

check-wheel: $(VENV)/.dev ## Build the wheel, install it alone, run doctor and demo with it
	rm -rf out/wheel
	$(BIN)/python -m build --outdir out/wheel
	$(PYTHON) -m venv out/wheel/alone
	out/wheel/alone/bin/python -m pip install --quiet "$$(ls out/wheel/*.whl)[embedded]"
	test "$$(stat -c %s out/wheel/*.whl)" -le 50000000 && ls -l out/wheel/*.whl
	cd out/wheel && alone/bin/xy-core doctor && alone/bin/xy-core demo --out demo

fuzz-decoders: $(VENV)/.dev ## Feed the decoders of files with what atheris makes up (SECONDS=60 each)
	$(PIP) install --quiet --group fuzz
	for decoder in catalogue gguf picture audio; do \
		$(BIN)/python tests/fuzz/decoders.py $$decoder -max_total_time=$(or $(SECONDS),60) || exit; \
	done

lint: $(VENV)/.dev ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

web-types: ## Check the types of the web page (needs Node; skipped without)
	@if command -v npx >/dev/null; then npx --yes --package typescript@$(TYPESCRIPT) tsc -p tsconfig.json; \
		else echo "skipped: the page's types are checked by TypeScript, and Node is not installed"; fi

screenshots: $(VENV)/.dev ## Take the pictures of the web page anew into docs/images (needs Chromium)
	$(BIN)/pytest -n 0 -q -m slow tests/web/test_screenshots.py

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
