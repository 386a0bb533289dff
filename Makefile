# Everything runs in the project's own virtual environment. Requirements: Python >= 3.11, pip and make.
#
#   make demo PYTHON=python3.13 VENV=.venv-3.13     another Python, in an environment of its own
#   make demo ARGS="--epochs 5 --seed 1"            options for the program behind a target
#
# Each target installs only what it needs. A stamp file in the environment records that this is done; it is
# repeated after a change of pyproject.toml.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
# Test processes. Each uses one BLAS thread, so that they do not compete for the cores.
JOBS   ?= 2

BIN := $(VENV)/bin
PY  := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet

ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test portable check format oracle browser docs pages bench mutants dist clean

help: ## Show this list
	@echo "usage: make TARGET [PYTHON=python3] [VENV=.venv] [ARGS=...]"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.demo ## Train a model on handwritten digits and open one of its gradients
	@$(BIN)/tinygrad-edu demo $(ARGS)

# File by file, so that fixtures of a file are made once, not in each process.
test: $(VENV)/.test ## Run the tests and the examples in the docstrings
	$(ONE_THREAD) $(BIN)/pytest -n $(JOBS) --dist loadfile --ignore=tests/oracle --ignore=tests/browser --ignore=tests/docs $(ARGS)

portable: ## Run the tests as on older processors, on every Python found, and on a busy machine
	@$(PYTHON) tests/portable.py --python $(PYTHON) --venv $(VENV) $(ARGS)

# pyright looks for the package with the first `python` on the PATH; under 100 % it ends with an error.
check: $(VENV)/.check ## Formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(abspath $(BIN)):$$PATH" pyright --verifytypes tinygrad_edu --ignoreexternal

format: $(VENV)/.check ## Format the code and fix what lint can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# pytest exits with 5 if it collected no test: fine without PyTorch (every module is skipped), an error with it.
oracle: $(VENV)/.test oracle-setup ## Compare with PyTorch (skipped if it cannot be installed)
	@echo "$(BIN)/pytest tests/oracle $(ARGS)"; \
	status=0; $(ONE_THREAD) $(BIN)/pytest tests/oracle $(ARGS) || status=$$?; \
	if [ $$status -eq 5 ] && ! $(PY) -c "import torch" 2>/dev/null; then \
		echo "PyTorch is not installed: the comparisons were skipped."; status=0; \
	fi; \
	exit $$status

browser: $(VENV)/.browser chromium-setup ## Test reports and the built pages in Chromium (skipped if there is none)
	@if command -v chromium >/dev/null; then \
		echo "$(BIN)/pytest tests/browser $(ARGS)"; $(ONE_THREAD) $(BIN)/pytest tests/browser $(ARGS); \
	else \
		echo "There is no chromium on the PATH: the browser tests were skipped."; \
	fi

# -E reads, and so runs, every page: the library may have changed even if the page has not.
docs: $(VENV)/.docs ## Build the documentation into docs/_build/html, running its code
	$(BIN)/sphinx-build -E -W --keep-going -b html docs docs/_build/html $(ARGS)

# The code of the pages runs as for a reader who copies it: in a separate environment in which the package is
# installed like any other. The pages are only built if something has changed.
pages: $(VENV)/.pages $(VENV)-pages/.ready docs/_build/html/searchindex.js chromium-setup ## Try the built pages: code as copied, links, search
	@$(VENV)-pages/bin/python -m pip --disable-pip-version-check install --quiet --force-reinstall --no-deps .
	$(ONE_THREAD) PAGES_PYTHON=$(abspath $(VENV)-pages/bin/python) \
		$(BIN)/pytest -n $(JOBS) --dist worksteal tests/docs $(ARGS)

docs/_build/html/searchindex.js: $(VENV)/.docs README.md $(shell find docs tinygrad_edu -type f \
		! -path "docs/_build/*" ! -path "docs/api/generated/*" ! -path "*/__pycache__/*")
	@$(MAKE) --no-print-directory docs ARGS=

# Each file is a program; those whose names start with an underscore are helpers.
bench: $(VENV)/.bench oracle-setup ## Run the benchmarks, side by side with PyTorch if it is installed
	@status=0; \
	for file in benchmarks/[!_]*.py; do \
		echo "== $$file"; $(ONE_THREAD) $(PY) "$$file" $(ARGS) || status=1; \
	done; \
	exit $$status

mutants: $(VENV)/.mutants ## Put small faults into the engine, and see that its tests notice (takes long)
	$(ONE_THREAD) $(PY) tests/mutants.py --jobs $(JOBS) $(ARGS)

dist: $(VENV)/.base ## Build the wheel into dist/
	$(PY) -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove everything that these targets made, environments included
	rm -rf build dist docs/_build docs/api/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find tinygrad_edu tests benchmarks examples docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
	@for folder in $(VENV) $(VENV)-pages $(VENV)-3.*; do \
		if [ -f "$$folder/pyvenv.cfg" ]; then echo rm -rf $$folder; rm -rf "$$folder"; fi; \
	done

# ---- set-up -----------------------------------------------------------------------------------------------------

# Dependency groups need a newer pip than the one that comes with many a Python.
$(VENV)/.base:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.13"; exit 1; }
	@echo "Setting up $(VENV) (only once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) "pip>=25.1"
	@touch $@

$(VENV)/.demo: $(VENV)/.base pyproject.toml
	@echo "Installing what the demo needs (only once)"
	@$(PIP) -e ".[demo]"
	@touch $@

$(VENV)/.test: $(VENV)/.base pyproject.toml
	@echo "Installing what the tests need (only once)"
	@$(PIP) -e ".[all]" --group test
	@touch $@

$(VENV)/.check: $(VENV)/.base pyproject.toml
	@echo "Installing what the checks need (only once)"
	@$(PIP) -e ".[all]" --group test --group check
	@touch $@

$(VENV)/.browser: $(VENV)/.base pyproject.toml
	@echo "Installing what the tests in a browser need (only once)"
	@$(PIP) -e ".[all]" --group browser
	@touch $@

$(VENV)/.docs: $(VENV)/.base pyproject.toml
	@echo "Installing what the documentation needs (only once)"
	@$(PIP) -e ".[all]" --group docs
	@touch $@

$(VENV)/.pages: $(VENV)/.base pyproject.toml
	@echo "Installing what the tests of the documentation need (only once)"
	@$(PIP) -e ".[all]" --group test --group docs --group browser
	@touch $@

# What a reader of the pages is told to install, and nothing else.
$(VENV)-pages/.ready: pyproject.toml
	@echo "Setting up $(VENV)-pages (only once)"
	@rm -rf $(VENV)-pages
	@$(PYTHON) -m venv $(VENV)-pages
	@$(VENV)-pages/bin/python -m pip --disable-pip-version-check install --quiet ".[docs-examples]"
	@touch $@

$(VENV)/.bench: $(VENV)/.base pyproject.toml
	@echo "Installing what the benchmarks need (only once)"
	@$(PIP) -e ".[all]"
	@touch $@

$(VENV)/.mutants: $(VENV)/.base pyproject.toml
	@echo "Installing what the search for unnoticed faults needs (only once)"
	@$(PIP) -e ".[all]" --group mutants
	@touch $@

# A missing Chromium is installed if that needs no permission: by root, from Debian's packages.
.PHONY: chromium-setup
chromium-setup:
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium (only once)"; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 || true; \
	fi

# PyTorch is large and not available everywhere: if it cannot be installed, the work continues without it,
# and the next run tries again.
.PHONY: oracle-setup
oracle-setup: $(VENV)/.base
	@if [ ! -f $(VENV)/.oracle ] || [ pyproject.toml -nt $(VENV)/.oracle ]; then \
		echo "Installing PyTorch (only once)"; \
		if $(PIP) --group oracle; then touch $(VENV)/.oracle; \
		else echo "PyTorch could not be installed: continuing without it."; fi; \
	fi
