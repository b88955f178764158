# Two commands a new user needs: `make run` and `make test`. Each does all of its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# How many processes test.
JOBS ?= 2
# Installing from the hashed lock needs no network but the package index, and nothing built from source. The lock names
# everything, so nothing is resolved again (--no-deps): older pips try the newest release of a package that is asked for
# with an extra, find no hash for it, and give up.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test lint bench bench-rca bench-detect bench-peers lock clean repro mlflow

help:
	@echo "make run    install into .venv, start, and show an incident being handled"
	@echo "make test   install what tests need into .venv, then lint, type-check and test"
	@echo "make bench-rca DATA='DIR ...': rank every data set found there beside everybody else"
	@echo "make bench-detect DATA='DIR ...': measure detection, logs, severity and forecasts on the data found there"
	@echo "make bench-peers  install published methods for bench-rca to compare with"
	@echo "make repro  train and compare rankers again, as dvc.yaml says"
	@echo "make mlflow look at every retraining side by side"
	@echo "make lock   resolve the dependencies again and write requirements/*.lock"

run: $(VENV)/.run-installed
	@$(BIN)/qai-sre run $(ARGS)

# Two processes, a file of tests at a time; game days on the live shop come last, when nothing else runs. Each process
# has one thread for arithmetic, or they would fight for the cores.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-detect: $(VENV)/.test-installed
	@$(BIN)/qai-sre bench-detect $(DATA)

bench bench-rca: $(VENV)/.test-installed
	@$(BIN)/qai-sre bench all $(DATA) $(ARGS)

bench-peers: $(VENV)/.test-installed
	@$(BIN)/qai-sre bench install-peers

repro: $(VENV)/.test-installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" DVC_NO_ANALYTICS=1 $(BIN)/dvc repro $(ARGS)

mlflow: $(VENV)/.test-installed
	@$(BIN)/python -m pipelines.tracking $(ARGS)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("QAI SRE needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-installed: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes --no-deps -r requirements/run.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test-installed: requirements/test.lock pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes --no-deps -r requirements/test.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@ $(VENV)/.run-installed

lock: $(VENV)/bin/python
	$(PIP_INSTALL) uv
	# The tests' set first: the extras hold some versions back, and users run what was tested.
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --all-extras -o requirements/test.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --extra build \
		-c requirements/test.lock -o requirements/run.lock pyproject.toml

clean:
	rm -rf $(VENV) .qai dist build
