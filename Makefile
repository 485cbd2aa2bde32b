# Every target sets up what it needs, so that each works from a bare clone: a virtual environment in
# .venv, apt packages when root, Node.js from PyPI. Stamps in .venv/.made make a second run quick.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
MADE := $(VENV)/.made
# The environment comes first on the path: python, node and every tool are its own.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport VIRTUAL_ENV PYTHONHOME

PANEL_SOURCES := $(shell find labextension/src labextension/style -type f) \
  $(addprefix labextension/,package.json yarn.lock tsconfig.json .yarnrc.yml install.json bundle-widgets.mjs)

.PHONY: help
help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

.PHONY: demo
demo: $(MADE)/panel ## a real JupyterLab, a real MCP client, a real notebook: watch what happens
	jupyter mcp demo

.PHONY: lab
lab: $(MADE)/panel ## the same, left running for you
	jupyter mcp demo --keep

.PHONY: test
test: $(MADE)/panel $(MADE)/node $(MADE)/browser $(MADE)/services ## everything that we test
	scripts/test

.PHONY: check
check: lint unit ## the quick part: lint, types and the tests that start no browser, Hub or build

.PHONY: lint
lint: $(MADE)/panel ## format, lint, types and the arrows between rooms
	scripts/lint

.PHONY: unit
unit: $(MADE)/panel
	pytest -n 2 --dist loadfile -m "not browser and not hub and not package"

.PHONY: conformance
conformance: $(MADE)/install $(MADE)/node ## the official conformance suite of MCP
	python tests/conformance

.PHONY: bench
bench: $(MADE)/install $(MADE)/services ## our promises as figures
	python tests/benchmarks

# DATA is a folder with questions (cosqa_dev.json, repo_search_dev.json); without it only what is
# built from PyPI is measured. MINILM is a folder of scripts/fetch_minilm.
DATA ?=
MINILM ?=

.PHONY: bench-search
bench-search: $(MADE)/install $(MADE)/services ## how well search finds, beside its peers: DATA=folder
	python tests/benchmarks/search_quality.py $(if $(DATA),--data $(DATA)) $(if $(MINILM),--minilm $(MINILM))

# Thousands of cases for each property, other ones at each run: about 113,000.
FUZZ_CASES ?= 3000

.PHONY: fuzz
fuzz: $(MADE)/install ## more than 100,000 cases against parsers and doors: FUZZ_CASES for each property
	FUZZ_CASES=$(FUZZ_CASES) pytest -n 2 --dist worksteal --timeout=0 tests/fuzz

.PHONY: screenshots
screenshots: $(MADE)/panel $(MADE)/browser ## take the pictures of the docs anew
	JUPYTER_MCP_SCREENSHOTS=docs/images pytest -p no:xdist -m browser tests/browser

.PHONY: reference
reference: $(MADE)/install ## write docs/reference/ from the code
	python scripts/reference.py

.PHONY: format
format: $(MADE)/panel ## one formatter run over everything
	ruff check --fix-only --quiet . || true
	ruff format .
	cd labextension && jlpm format

.PHONY: install
install: $(MADE)/install ## the environment in .venv

.PHONY: panel
panel: $(MADE)/panel ## build the panel of JupyterLab

.PHONY: clean
clean: ## remove all that was made
	rm -rf .venv .cache build dist tests/artifacts tests/node/node_modules jupyter_mcp/widgets/static \
	  labextension/lib labextension/node_modules labextension/tsconfig.tsbuildinfo \
	  jupyter_mcp/_labextension

$(VENV)/bin/python:
	PYTHON=$(PYTHON) scripts/make_venv

# The panel is built by its own target, so installing needs no Node.js and fetches nothing from npm.
$(MADE)/install: pyproject.toml labextension/package.json scripts/link_node.py | $(VENV)/bin/python
	@mkdir -p $(MADE)
	python -m pip install --quiet --upgrade "pip>=25.1"
	HATCH_JUPYTER_BUILDER_SKIP_NPM=1 python -m pip install --quiet -e ".[all]" --group test
	python scripts/link_node.py
	@touch $@

$(MADE)/panel: $(PANEL_SOURCES) $(MADE)/install
	cd labextension && jlpm install --immutable && jlpm build:prod
	cd labextension && jupyter-builder develop .. --overwrite
	@touch $@

$(MADE)/node: tests/node/package.json tests/node/package-lock.json $(MADE)/install
	cd tests/node && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

$(MADE)/browser: | $(VENV)/bin/python
	@mkdir -p $(MADE)
	scripts/install_browser
	@touch $@

$(MADE)/services: | $(VENV)/bin/python
	@mkdir -p $(MADE)
	scripts/install_services
	@touch $@
