# `make demo` shows it, `make test` proves it. Needs make and python3 >= 3.11; everything else goes into .venv.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
WORKERS ?= 2
PYTEST_ARGS ?=
SEED ?= 1
RUNS ?= 20
SECONDS ?= 12
BENCH_JSON ?= .cache/bench.json
RUNNABLE := .venv/.installed
TESTABLE := .venv/.installed-with-tests

.PHONY: help setup demo test lint types imports tests coverage peers-packages test-peers campaign faults model mutations bench connectors format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: $(TESTABLE) ## make .venv with Crocevia and everything its tests need

# Editable: a new module is seen at once; a new dependency, entry point or top-level package changes pyproject.toml,
# which is what these rules watch. Not compiled while installing: half the time, and most modules are never imported.
PIP_INSTALL := .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile

$(RUNNABLE): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Crocevia needs Python 3.11 or later and $(PYTHON) is {v[0]}.{v[1]}: say make PYTHON=python3.12")'
	@echo "installing Crocevia into .venv (about a minute the first time)"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@$(PIP_INSTALL) --upgrade 'setuptools>=77'
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

$(TESTABLE): $(RUNNABLE)
	@echo "installing what the tests need"
	@$(PIP_INSTALL) --no-build-isolation --editable '.[test]'
	@touch $@

demo: $(RUNNABLE) ## play a day of a small company and open one page on it
	.venv/bin/crocevia demo

test: setup lint types imports tests ## everything that needs no other server (under ten minutes)

lint: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: setup
	.venv/bin/mypy

imports: setup
	.venv/bin/lint-imports --config setup.cfg

tests: setup
	.venv/bin/python -m pytest -n $(WORKERS) -m 'not peers and not campaign' $(PYTEST_ARGS)

coverage: setup ## the same tests, with what they do not reach
	.venv/bin/python -m pytest -n $(WORKERS) -m 'not peers and not campaign' --cov --cov-config=setup.cfg --cov-report=term $(PYTEST_ARGS)

peers-packages: setup
	.ci/peers-packages

test-peers: setup peers-packages ## the tests against real servers and a real browser (installs them as root on Debian)
	.venv/bin/python -m pytest -m peers $(PYTEST_ARGS)

campaign: setup ## twenty demo days with five kills each, and whatever else takes long (about twenty minutes)
	.venv/bin/python -m pytest -m campaign $(PYTEST_ARGS)

faults: setup ## the daemon under kill -9 and every other fault, judged from outside (SEED=, RUNS=, STORE=sqlite|postgresql)
	.venv/bin/python -m tests.faults --seed $(SEED) --runs $(RUNS) --seconds $(SECONDS) $(if $(STORE),--store $(STORE)) --jobs $(WORKERS)

model: setup ## SEEDS=2000 days of a hub, three CRMs and a channel against an oracle, killed at every fault point
	.venv/bin/python -m tests.model --seeds $(or $(SEEDS),2000)

mutations: setup ## take each mechanism that keeps an invariant away, and see which test fails
	.venv/bin/python -m tests.mutations

bench: setup ## figures, each with its floor
	@mkdir -p $(dir $(BENCH_JSON))
	.venv/bin/python -m benchmarks --json $(BENCH_JSON)

connectors: setup ## write the README's table of connectors anew
	.venv/bin/python -m tests.connectors

format: setup ## put the code in order
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

clean: ## forget everything made here
	rm -rf .venv .cache build dist .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
