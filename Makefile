# Everything a newcomer needs: `make demo` and `make test`. Both need Python 3.11 or 3.12 and a
# package index, nothing else; the environment is made once and kept in .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install scale demo test check format lock bench bench-inference bench-training \
	bench-distillation bench-distilbert bench-scale docs site architectures clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

install: $(STAMP) ## Make the environment in .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml | $(BIN)/uv
	@echo "==> installing what requirements.lock names into $(VENV) (once, about a minute)"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
		--require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(STAMP)

$(BIN)/uv:
	@echo "==> making the environment in $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
		|| { echo "wanted Python 3.11 or 3.12, got $$($(PYTHON) --version); set PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--require-hashes -r requirements/uv.txt

scale: $(STAMP) ## Add Spark and Ray (700 MB) to the environment, so that their tests run
	@echo "==> installing what requirements/scale.txt names into $(VENV)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python \
		--require-hashes -r requirements/scale.txt

demo: $(STAMP) ## Prepare real reviews, train, judge, save, predict; quick when run again
	@echo "==> demo: movie-review sentences, small encoder; its first steps tell how long it takes"
	@$(BIN)/ktrain-sentiment demo

test: check ## Check the style and run all tests
	@echo "==> tests"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(STAMP) ## Check style (ruff) and types (mypy)
	@echo "==> style and types"
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy

format: $(STAMP) ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

lock: | $(BIN)/uv ## Resolve requirements again into the lists with digests
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--no-header --no-emit-index-url --no-emit-find-links \
		requirements.txt requirements/dev.txt -o requirements.lock
	@{ head -n 1 requirements/uv.txt && echo "uv==$(UV_VERSION)" | $(BIN)/uv pip compile --quiet \
		--universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links -; } > $(VENV)/uv.txt
	@mv $(VENV)/uv.txt requirements/uv.txt
	@{ head -n 1 requirements/serve.txt && echo setuptools | $(BIN)/uv pip compile --quiet \
		--universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --extra serve --constraint requirements.lock \
		pyproject.toml -; } > $(VENV)/serve.txt
	@mv $(VENV)/serve.txt requirements/serve.txt
	@{ head -n 2 requirements/scale.txt && $(BIN)/uv pip compile --quiet --universal \
		--generate-hashes --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --extra spark --extra ray --constraint requirements.lock \
		pyproject.toml; } > $(VENV)/scale.txt
	@mv $(VENV)/scale.txt requirements/scale.txt

bench: bench-inference bench-training bench-distillation bench-distilbert ## Run every benchmark (hours)

bench-inference: $(STAMP) ## Prediction beside ktrain, Hugging Face's pipeline and OpenVINO
	@$(BIN)/python benchmarks/inference.py

bench-training: $(STAMP) ## Training beside plain ktrain and the Hugging Face Trainer
	@$(BIN)/python benchmarks/training.py

bench-distillation: $(STAMP) ## A small student alone and taught by a large one
	@$(BIN)/python benchmarks/distillation.py

bench-distilbert: $(STAMP) ## DistilBERT's size and speed beside BERT's
	@$(BIN)/python benchmarks/distilbert.py

bench-scale: $(STAMP) ## Spark and Ray with one and two workers beside `predict`; after make scale
	@$(BIN)/python benchmarks/scale.py

docs: $(STAMP) ## Write docs/commands/ and the trees again from the code
	@$(BIN)/python docs/generate.py

site: $(STAMP) ## Build the documentation as a site in build/site
	@$(BIN)/zensical build --strict
	@echo "==> build/site/index.html"

architectures: $(STAMP) ## Write docs/architectures.md again from a run of its tests
	@$(BIN)/python -m pytest -q tests/test_architectures.py --write-table

clean: ## Remove the environment, runs and caches (corpora and encoders stay)
	rm -rf $(VENV) runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
