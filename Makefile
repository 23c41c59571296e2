# The single entry: `make help` lists what there is. Everything works from a bare Python >= 3.11.
PYTHON ?= python3
BIN    := .venv/bin
PYTEST := $(BIN)/pytest

.DEFAULT_GOAL := help
.PHONY: help setup run test check static unit bench lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: .venv/.run ## make .venv with all that `make run` needs

run: .venv/.run ## start everything, load the nTA scenario, print the key figures, serve until Ctrl-C
	@$(BIN)/teilhabe up $(ARGS)

test: static unit ## everything CI runs: style, types, imports, all tests (a real Kafka where Java and Maven exist)
	@rm -rf .local/operations
	$(PYTEST) -n 2 --dist loadfile -rs --durations 10 tests --ignore tests/unit --ignore tests/benchmarks
	$(BIN)/python -m tests.operations

check: test ## the same as CI

static: .venv/.dev ## style, types and import rules only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: .venv/.dev ## the pure tests only
	$(PYTEST) -q tests/unit

bench: .venv/.dev ## measure against baselines in the same run, write docs/performance.md
	$(BIN)/python -m tests.benchmarks

lock: .venv/.dev ## resolve the two lock files anew, without naming an index
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet $(LOCK) --extra embedded --extra build --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet $(LOCK) --extra embedded --extra build -c requirements-dev.lock pyproject.toml -o requirements.lock
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

clean: ## remove .venv, caches and the local data directory of this checkout
	rm -rf .venv .local build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "teilhabe needs Python >= 3.11; say which with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "this Python has no venv module; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/.run: requirements.lock pyproject.toml | .venv/bin/python
	@echo "installing what teilhabe needs into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	@echo "installing the tools for tests into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
