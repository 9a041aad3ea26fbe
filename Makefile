# Requires make and Python 3.11, 3.12 or 3.13. Everything else is installed into .venv.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,14))' && echo $$p && break; done)
ENV ?= demo
PORT ?= 5000
STORE ?= $(or $(MLFLOW_TRACKING_URI),sqlite:///mlflow.db)
# Without kept bytecode each process rewrites the tests' asserts anew.
PYTEST = env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder
# The tests that make test leaves out.
APART = (slow or browser or server)

# tensorflow-cpu and tensorflow install into the same folder: uninstall first.
define INSTALL_FOR_GPU
$(BIN)/python -m pip uninstall --quiet --yes tensorflow-cpu tensorflow
$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/gpu.txt
endef
# After setup-gpu, later installations must not bring the CPU version back.
KEEP_GPU = $(if $(wildcard $(VENV)/.gpu),$(INSTALL_FOR_GPU))

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu demo check unit test tests test-all test-external storage-server lint types contracts faults viz viz-build ui app docs docs-build screenshots lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.run ## install what the pipelines need, into .venv

setup-gpu: $(VENV)/.run ## install with TensorFlow for Nvidia GPUs (Linux)
	@touch $(VENV)/.gpu
	$(INSTALL_FOR_GPU)

demo: setup ## run the whole pipeline on drawn faces, in minutes
	$(BIN)/kedro run --pipeline=full --env=demo

check: $(VENV)/.dev ## run lint, types, contracts and quick tests: a minute
	@$(MAKE) --no-print-directory --jobs=4 lint types contracts unit

unit: $(VENV)/.dev
	$(PYTEST) -m "not session and not training and not fault and not $(APART)"

test: $(VENV)/.dev ## run checks, trainings and sessions: six to seven minutes
	@$(MAKE) --no-print-directory --jobs=4 lint types contracts tests

tests: $(VENV)/.dev
	$(PYTEST) -m "not $(APART)" --durations=10

test-all: lint types contracts ## run all tests, the slow ones and test-external too
	$(PYTEST) --durations=20

test-external: $(VENV)/.dev ## run tests that need a browser, a server or a cluster
	$(PYTEST) -m "(browser or server) and not slow" --durations=10

storage-server: $(VENV)/moto/bin/moto_server ## install an S3 server for test-external

$(VENV)/moto/bin/moto_server: | $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)/moto
	$(VENV)/moto/bin/python -m pip install --quiet --disable-pip-version-check "moto[s3,server]>=5.1,<6"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

faults: $(VENV)/.dev ## provoke all faults of docs/reliability.md: half an hour
	$(PYTEST) -m fault --fault-table=docs/reliability.md

viz: setup ## show the pipelines in the browser (ENV=demo)
	$(BIN)/kedro viz run --env=$(ENV)

viz-build: setup ## build Kedro-Viz as a static page in build/viz (ENV=demo)
	KEDRO_ENV=$(ENV) $(BIN)/kedro viz build --include-previews
	$(BIN)/python -m facial_keypoints.framework.viz_site

ui: setup ## show MLflow, at http://127.0.0.1:5000 (PORT=5000)
	$(BIN)/mlflow ui --backend-store-uri "$(STORE)" --port $(PORT)

app: PORT = 8501
app: HOST = 127.0.0.1
app: $(VENV)/.app ## try the model on photos, in the browser (ENV, PORT, HOST)
	$(BIN)/python app --env=$(ENV) --host=$(HOST) --port=$(PORT)

docs: $(VENV)/.dev ## serve the documentation, at http://127.0.0.1:8000
	$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

docs-build: $(VENV)/.dev ## build the documentation into build/site, strictly
	$(BIN)/mkdocs build --strict

screenshots: $(VENV)/.app $(VENV)/.dev ## make the documentation's pictures (needs Chromium)
	$(BIN)/python docs/screenshots.py

lock: ## pin requirements/*.txt again (needs uv)
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --quiet --extra cpu pyproject.toml -o requirements/cpu.txt
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --quiet --extra gpu -c requirements/cpu.txt pyproject.toml -o requirements/gpu.txt
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-header --quiet --extra app --extra cluster --extra cpu --extra dev --extra docs --extra export --extra photos --extra storage -c requirements/cpu.txt pyproject.toml -o requirements/dev.txt

clean: ## remove .venv and caches; keep data and MLflow runs
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 not found. Name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/cpu.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV): a few minutes the first time ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/cpu.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(KEEP_GPU)
	@touch $@

$(VENV)/.app: requirements/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/dev.txt -e ".[app,photos]"
	$(KEEP_GPU)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(KEEP_GPU)
	@touch $@
