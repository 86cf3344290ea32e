# Type `make help`.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print(sys.executable)' 2>/dev/null)))
BIN := .venv/bin
# A first result within three minutes, installation included: a tenth of MNIST. Two thirds of that time is needed to
# install the environments and to compile Theano's operators.
SWEEP ?= backend=tensorflow,cntk,theano trainer.epochs=5 data.train_samples=6000 data.test_samples=1000
ARGS ?=
comma := ,
empty :=
list = $(subst $(empty) $(empty),$(comma),$(basename $(notdir $(sort $(wildcard conf/$(1)/*.yaml)))))
BACKENDS ?= $(call list,backend)
MODELS ?= $(call list,model)

.DEFAULT_GOAL := help
.PHONY: help setup sweep parity report ui reference pictures docs test thorough fast faults gpu audit check bench scale lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || \
		sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1: \2/p' $(MAKEFILE_LIST)
	@echo '  Overrides go into ARGS: make sweep ARGS="model=mnist_cnn trainer.epochs=2"'

setup: $(BIN)/.ready ## create .venv with the driver's pinned packages and this checkout

# uv installs within seconds; pip_settings passes pip's configuration (a mirror, a folder of wheels) to it.
UV := $(BIN)/python kerasbench/environments/pip_settings.py

$(BIN)/.ready: requirements/driver.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no CPython 3.11 or newer found; install one, or run make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	@echo "installing the driver's packages into .venv"
	@$(BIN)/python -m pip install --quiet $$(grep '^uv==' requirements/driver.txt)
	@$(UV) pip install --quiet --python $(BIN)/python --requirement requirements/driver.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@# Relative, because with LC_ALL=C Python cannot start where a .pth file holds a path that is not ASCII.
	@for pth in .venv/lib/python3.*/site-packages/_editable_impl_kerasbench.pth; do echo ../../../.. > "$$pth"; done
	@case "$$PWD" in *%*) for folder in .venv/lib/python3.*/site-packages; do \
		echo 'import kerasbench.store.percent_signs' > "$$folder/kerasbench_percent_signs.pth"; done;; esac
	@touch $@

$(BIN)/.ready-dev: $(BIN)/.ready requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --requirement requirements/dev.txt
	@touch $@

sweep: setup ## train mnist_mlp for 5 epochs of 6,000 examples on TensorFlow, CNTK and Theano, and compare (more: ARGS="...")
	$(BIN)/python train.py -m $(SWEEP) $(ARGS)

parity: setup ## check that all seven backends compute the same networks, for all models
	$(BIN)/python train.py -m task=parity backend=$(BACKENDS) model=$(MODELS) $(ARGS)

report: setup ## draw the comparison of all runs in the store as one page (outputs/report)
	$(BIN)/kerasbench report $(ARGS)

reference: setup ## import the figures published in 2017 into the store
	$(BIN)/kerasbench reference import $(ARGS)

# Even where bytecode is unwanted: without it, each of pytest's processes rewrites all assertions, for four seconds.
test thorough fast: export PYTHONDONTWRITEBYTECODE :=
FAST := $(BIN)/python -m pytest -n auto --dist loadscope
SLOW := $(BIN)/python -m pytest -n 2 --dist loadgroup

test: $(BIN)/.ready-dev ## set up and test: every backend is installed, computes, trains and is compared (12 minutes)
	$(FAST) -m "not slow and not gpu" $(ARGS) || [ $$? -eq 5 ] # 5: ARGS names no such test
	$(SLOW) -m "slow and not (thorough or quiet or gpu)" $(ARGS) || [ $$? -eq 5 ]

thorough: $(BIN)/.ready-dev ## run all other tests: faults, clusters, servers, every fix, what measures time (half an hour)
	$(SLOW) -m "thorough and not (quiet or gpu)" $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -m "quiet and not gpu" $(ARGS) || [ $$? -eq 5 ]

fast: $(BIN)/.ready-dev ## run the tests that take less than half a second, on all cores (one minute)
	$(FAST) -m "not slow" $(ARGS)

gpu: $(BIN)/.ready-dev ## on a machine with an NVIDIA GPU: check parity, kernels, memory, slowdowns and load against nvidia-smi, and the clock
	$(BIN)/python -m pytest -m gpu $(ARGS)

faults: $(BIN)/.ready-dev ## break things while models train: count what is lost or left (a few minutes)
	$(BIN)/python -m pytest -q tests/faults $(ARGS)

audit: setup ## look for known vulnerabilities of the driver's packages (needs the network)
	@$(UV) tool run pip-audit --requirement requirements/driver.txt --disable-pip --no-deps --timeout 10 > .audit.log 2>&1; \
	status=$$?; \
	if grep -q "^Found .* known vulnerabilit" .audit.log; then cat .audit.log; exit 1; \
	elif grep -q "could not be audited" .audit.log || [ $$status -ne 0 ]; then \
		echo "SKIPPED: pip-audit got no advisories, so the driver's packages are not audited: $$(tail -n 1 .audit.log)"; \
	else cat .audit.log; fi

check: $(BIN)/.ready-dev ## check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(BIN)/.ready-dev ## measure the tool's overhead (about half an hour; nothing else should run)
	$(BIN)/python -m benchmarks.overhead $(ARGS)

scale: $(BIN)/.ready-dev ## replay 350 recorded runs, 16 at once, against MLflow on PostgreSQL (a few minutes; needs PostgreSQL)
	$(BIN)/python -m benchmarks.scale $(ARGS)

ui: setup ## serve the comparison (MLflow's UI) on 127.0.0.1; ARGS=--open opens it
	$(BIN)/kerasbench ui $(ARGS)

UV_LOCK = $(UV) pip compile --quiet --no-header --no-annotate --upgrade
MODERN := tensorflow jax
MODERN_ON_GPU := tensorflow-cuda12 torch-cuda13 jax-cuda12 jax-cuda13
HISTORICAL := tensorflow1 cntk theano mxnet
HISTORICAL_ON_GPU := tensorflow1-cuda10 cntk-cuda10 mxnet-cuda11
PYTHON36 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.6.*/bin/python3.6) python3.6)

pictures: $(BIN)/.ready-dev ## draw the README's table and pictures from the last sweep (ARGS="--sweep ID")
	$(BIN)/python -m docs.make_pictures $(ARGS)

docs: setup ## generate docs/reference.md from the code and its comments
	$(BIN)/python -m docs.make_reference

lock: setup ## update all pinned requirements from pyproject.toml and requirements/*.in
	$(UV_LOCK) --universal --python-version 3.11 pyproject.toml --output-file requirements/driver.txt
	$(UV_LOCK) --universal --python-version 3.11 --group dev --constraint requirements/driver.txt \
		--output-file requirements/dev.txt
	for name in $(MODERN); do \
		$(UV_LOCK) --universal --python-version 3.11 requirements/$$name.in --output-file requirements/$$name.txt; done
	# torch itself is pinned without its CUDA packages, which a CPU build does not need and a CUDA build installs itself.
	$(UV_LOCK) --universal --python-version 3.11 requirements/torch.in | \
		sed '/^cuda-/d; /^nvidia-/d; /^triton/d; s/^torch==\([0-9.]*\).*/torch==\1/' | sort -u > requirements/torch.txt
	for name in $(HISTORICAL); do \
		$(UV_LOCK) --python $(PYTHON36) requirements/$$name.in --output-file requirements/$$name.txt; done
	touch requirements/shared-cuda12.tmp requirements/shared-cuda13.tmp
	# The GPU builds have the CPU builds' versions of all packages that both have. JAX's have the NVIDIA packages of the
	# other backend for the same CUDA, so that a machine keeps them once, and that both compute with the same cuDNN.
	for name in $(MODERN_ON_GPU); do $(UV_LOCK) --universal --python-version 3.11 requirements/$$name.in \
		--constraint requirements/$${name%-*}.txt --constraint requirements/shared-$${name#*-}.tmp \
		--output-file requirements/$$name.txt && \
		grep '^nvidia-' requirements/$$name.txt > requirements/shared-$${name#*-}.tmp; done
	rm requirements/shared-*.tmp
	for name in $(HISTORICAL_ON_GPU); do $(UV_LOCK) --python $(PYTHON36) requirements/$$name.in \
		--constraint requirements/$${name%-*}.txt --output-file requirements/$$name.txt; done
	# === leaves out 2.13.0+cpu, which the user's package sources may hold, and which would be the preferred version.
	sed 's/^torch==/torch===/' requirements/torch-cuda13.txt > requirements/torch-cuda13.tmp
	mv requirements/torch-cuda13.tmp requirements/torch-cuda13.txt
	# The CPU build by name: PyPI's 2.13.0 for Linux contains CUDA.
	sed "s/^torch==\(.*\)/torch==\1 ; sys_platform != 'linux'\ntorch==\1+cpu ; sys_platform == 'linux'/" \
		requirements/torch.txt > requirements/torch.tmp
	mv requirements/torch.tmp requirements/torch.txt
	$(BIN)/python -m kerasbench.environments.record_sizes

clean: ## delete .venv, the environments and the caches; runs are kept
	rm -rf .venv .envs .cache outputs
