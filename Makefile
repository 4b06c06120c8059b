# Every target sets up what it needs: a virtual environment in .venv, from constraints.txt.
PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := $(VENV)/bin
SETUP := pyproject.toml constraints.txt

.PHONY: help serve test check lint types imports spelling audit format docs bench model answers small baseline loop clean

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
POSTS := --data runs/data/public.jsonl --data data/authored.jsonl --data data/authored-2.jsonl --data data/authored-3.jsonl \
  --held-out $(EARSHOT_DATA)/posts/benchmark.jsonl
UNLABELLED := $(EARSHOT_DATA)/posts/unlabelled.jsonl
# Interrupted, they go on where they were; what is there already stays.
model: runs/default  ## Train the next embedded model, with the teacher's answers there (minutes on a GPU, seven hours on 2 cores)
	cp runs/default/manifest.json runs/default/model.onnx runs/default/model_card.md runs/default/tokenizer.json earshot/models/default/
	$(BIN)/python -m training.add_reference earshot/models/default runs/data/public.jsonl data/authored.jsonl

small: runs/small  ## Distil that model into a network of 3 layers (minutes on a GPU, three hours on 2 cores)
answers: runs/answers/mpnet.npz  ## Cross-fit the teacher in runs/mpnet (five minutes on a GPU, days on 2 cores)

runs/small: | runs/default
runs/default runs/small: | $(VENV)/.dev runs/data/public.jsonl runs/answers/mpnet.npz
	$(BIN)/earshot train --config training/recipes/$(@F).toml $(POSTS) --set 'distillation.unlabelled=["$(UNLABELLED)"]' \
	  --output $@ --keep-checkpoints --resume

runs/answers/mpnet.npz: | $(VENV)/.dev runs/data/public.jsonl
	$(BIN)/earshot teach --config training/recipes/teacher.toml $(POSTS) --unlabelled $(UNLABELLED) --output $@

runs/data/public.jsonl: | $(VENV)/.dev
	$(BIN)/earshot data join $(EARSHOT_DATA)/posts/train.jsonl $(UNLABELLED) --overlays data/overlays --overlays data/overlays-2 -o $@

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
