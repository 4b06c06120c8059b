# Every target sets up what it needs: a virtual environment in .venv, from constraints.txt.
PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := $(VENV)/bin
SETUP := pyproject.toml constraints.txt

.PHONY: help serve test check lint types imports spelling audit format docs bench model student small baseline loop clean

help:  ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

serve: $(VENV)/.service  ## Serve the embedded model on http://127.0.0.1:8000
	$(BIN)/earshot serve --host $(HOST) --port $(PORT)

test: $(VENV)/.dev  ## Run the tests
	$(BIN)/pytest

check: lint types imports spelling  ## Lint (Python and Dockerfile), types, import rules, spelling

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

spelling: $(VENV)/.dev
	$(BIN)/codespell

audit:  ## Look the pinned versions up among known vulnerabilities (needs the network)
	$(PYTHON) .ci/audit

format: $(VENV)/.dev  ## Format the code and sort imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev  ## Regenerate what is documented from the code: OpenAPI, settings, JSON Schemas
	$(BIN)/python -m service.reference
	$(BIN)/python -m eval.reference

MODEL ?= runs/bench-model
bench: $(VENV)/.dev  ## Measure speed against the machine's limit and peers, into docs/performance.md (MODEL=BUNDLE with weights)
	$(BIN)/python -m benchmarks.speed --model $(MODEL) $(if $(STUDENT),--student $(STUDENT))

EARSHOT_DATA ?= ../shared/data
POSTS := --data $(EARSHOT_DATA)/posts/train.jsonl --data data/authored.jsonl --held-out $(EARSHOT_DATA)/posts/benchmark.jsonl
# Interrupted, they go on where they were.
model: $(VENV)/.dev  ## Train the embedded model again (half an hour to an hour on 2 cores)
	$(BIN)/earshot train --config training/recipes/default.toml $(POSTS) --output earshot/models/default --resume
	$(BIN)/python -m training.add_reference earshot/models/default $(EARSHOT_DATA)/posts/train.jsonl data/authored.jsonl

UNLABELLED := --set 'distillation.unlabelled=["$(EARSHOT_DATA)/posts/unlabelled.jsonl"]'
student: runs/student  ## Distil two teachers into one network (two hours with the teachers; those that are there stay)
small: runs/small  ## Distil the student into a network of 3 layers

runs/student: runs/teacher-a runs/teacher-b
runs/small: runs/student
runs/student runs/small: $(VENV)/.dev
	$(BIN)/earshot train --config training/recipes/$(@F).toml $(POSTS) $(UNLABELLED) --output $@ --keep-checkpoints --resume

runs/teacher-a: RECIPE = default
runs/teacher-b: RECIPE = teacher-b
runs/teacher-%: $(VENV)/.dev
	$(BIN)/earshot train --config training/recipes/$(RECIPE).toml $(POSTS) --output $@ --keep-checkpoints --resume

baseline: $(VENV)/.dev  ## Train the TF-IDF baseline on the same data
	$(BIN)/earshot train --config training/recipes/baseline.toml --data $(EARSHOT_DATA)/posts/train.jsonl \
	  --data data/authored.jsonl --output runs/baseline

loop: $(VENV)/.dev  ## Walk the whole loop in an empty folder: train, push, promote, serve, correct, train again, roll back
	PATH="$(CURDIR)/$(BIN):$$PATH" examples/loop/loop.sh

clean:  ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Earshot needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# The service alone installs in seconds, without torch, transformers or mlflow.
$(VENV)/.service: $(SETUP) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[service]'
	@touch $@

$(VENV)/.dev: $(SETUP) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.service
