# Type `make help`.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print(sys.executable)' 2>/dev/null)))
BIN := .venv/bin
SWEEP ?= backend=tensorflow,cntk,theano
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup sweep test check ui lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || \
		sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1: \2/p' $(MAKEFILE_LIST)
	@echo '  Overrides go into ARGS: make sweep ARGS="model=mnist_cnn trainer.epochs=2"'

setup: $(BIN)/.ready ## create .venv with the pinned packages of the driver

$(BIN)/.ready: requirements/driver.txt
	@test -n "$(PYTHON)" || { echo "error: no CPython 3.11 or newer found; install one or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements/driver.txt
	@touch $@

$(BIN)/.ready-dev: $(BIN)/.ready requirements/dev.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/dev.txt
	@touch $@

sweep: setup ## train mnist_mlp on TensorFlow, CNTK and Theano and compare (more: ARGS="...")
	$(BIN)/python train.py -m $(SWEEP) $(ARGS)

test: $(BIN)/.ready-dev ## set up and run all tests
	$(BIN)/python -m pytest $(ARGS)

check: $(BIN)/.ready-dev ## lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

ui: setup ## serve the comparison (MLflow's UI) on 127.0.0.1
	$(BIN)/python -m kerasbench.ui

lock: setup ## pin all requirements anew from pyproject.toml and requirements/*.in
	$(BIN)/python -m kerasbench.environments.locking

clean: ## delete .venv, the environments and the caches; runs are kept
	rm -rf .venv .envs .cache outputs
