# All that is needed beforehand: make and Python 3.11, 3.12 or 3.13. Everything else lands in .venv.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,14))' && echo $$p && break; done)
ENV ?= demo
PYTEST = $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# Both packages are TensorFlow, in the same folder: what is there goes first.
define INSTALL_FOR_GPU
$(BIN)/python -m pip uninstall --quiet --yes tensorflow-cpu tensorflow
$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/gpu.txt
endef
# after setup-gpu, what else is installed must not bring the other one back
KEEP_GPU = $(if $(wildcard $(VENV)/.gpu),$(INSTALL_FOR_GPU))

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu demo check test test-all lint types contracts faults viz ui lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.run ## install what runs the pipelines, into .venv

setup-gpu: $(VENV)/.run ## the same with TensorFlow for Nvidia GPUs (Linux)
	@touch $(VENV)/.gpu
	$(INSTALL_FOR_GPU)

demo: setup ## download to submission on the embedded competition, in minutes
	$(BIN)/kedro run --pipeline=full --env=demo

check: lint types contracts ## lint, types, import contracts and unit tests: a minute
	$(PYTEST) -m "not session and not long"

test: lint types contracts ## the same with whole Kedro sessions: minutes
	$(PYTEST) -m "not long" --durations=10

test-all: lint types contracts ## the same with the long tests
	$(PYTEST) --durations=20

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

faults: $(VENV)/.dev ## provoke every fault of docs/reliability.md, the long ones too, and print the table
	$(BIN)/python -m pytest -m fault --fault-table=docs/reliability.md

viz: setup ## the pipelines in the browser (ENV=demo)
	$(BIN)/kedro viz run --env=$(ENV)

ui: setup ## runs and curves in MLflow's user interface, at http://127.0.0.1:5000
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db

lock: ## pin requirements/ anew (needs uv)
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --quiet --extra cpu pyproject.toml -o requirements/cpu.txt
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --quiet --extra gpu -c requirements/cpu.txt pyproject.toml -o requirements/gpu.txt
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --quiet --extra cpu --extra dev -c requirements/cpu.txt pyproject.toml -o requirements/dev.txt

clean: ## remove what can be made again: .venv and caches (never data or MLflow's runs)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found; name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/cpu.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV): a few minutes the first time ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/cpu.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(KEEP_GPU)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(KEEP_GPU)
	@touch $@
