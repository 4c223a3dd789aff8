# Two commands need nothing but Python 3.11, git and make: `make render` and `make test`. Each sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS := celery temporal hatchet encryption otel verify dev
PROFILE ?= prod-temporal
ARGS ?=

.PHONY: help render test lint format golden consumers clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

render: ## render PROFILE (prod-temporal) into out/
	@$(PYTHON) -m scripts.setup_venv
	@$(BIN)/taskgen render --profile $(PROFILE) $(ARGS)

test: ## run all tests; ARGS="-m 'not server and not slow'" for the fast ones
	@$(PYTHON) -m scripts.setup_venv $(EXTRAS)
	@$(BIN)/python -m scripts.setup_consumers
	@$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=8 --dist=loadgroup --durations=15 $(ARGS)

lint: ## ruff and mypy, as CI runs them
	@$(PYTHON) -m scripts.setup_venv $(EXTRAS)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: ## let ruff repair what it can
	@$(PYTHON) -m scripts.setup_venv $(EXTRAS)
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

golden: ## render all shipped profiles into out/, which is committed
	@$(PYTHON) -m scripts.setup_venv
	@$(BIN)/taskgen render --all $(ARGS)

consumers: ## which servers and tools the tests would use here, and how to get the others
	@$(PYTHON) -m scripts.setup_venv $(EXTRAS)
	@$(BIN)/python -m scripts.setup_consumers --list

clean: ## remove the virtual environment and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
