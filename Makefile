# All that a fresh machine needs is git, make, gcc and Python >= 3.11: the targets create .venv
# and install into it what they need, once. PYTHON=... names another interpreter.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# An editable install: C sources that changed are compiled again when gromos_dist is imported.
EDITABLE = CFLAGS="$$(cat $(VENV)/cflags 2>/dev/null) $$CFLAGS" $(PIP) --no-build-isolation --editable
COMPILING := Compiling the C core for every instruction set (a minute on two cores, once)
BUILD_FILES := pyproject.toml meson.build csrc/meson.build $(wildcard meson.options)

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHON

##@ The two that matter
.PHONY: demo test
demo: $(VENV)/installed $(VENV)/demo-data ## RMSD of a real protein trajectory: a plot and a file to keep, in demo/
	@$(BIN)/python workflows/demo.py

test: $(VENV)/installed-test ## all tests (arguments: make test ARGS="-k rmsd")
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile $(ARGS)

##@ For those who change the code
.PHONY: lint floors format docs bench clean help
lint: $(VENV)/installed-lint ## ruff, mypy --strict, clang-format, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory floors
	git ls-files 'csrc/*.c' 'csrc/*.h' | xargs $(BIN)/clang-format --dry-run -Werror

# -S: the hooks of the editable install would hide the sources from import-linter.
floors: $(VENV)/installed-lint ## import-linter alone
	PYTHONPATH=.:$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
	  $(BIN)/python -S $(BIN)/lint-imports --no-logo

format: $(VENV)/installed-lint ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	git ls-files 'csrc/*.c' 'csrc/*.h' | xargs $(BIN)/clang-format -i

docs: $(VENV)/installed-docs ## build docs/_build/html; examples are executed, a warning is an error
	$(BIN)/python -m sphinx -E -W --keep-going -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/installed-bench ## all benchmarks against the other programs; tables in docs/benchmarks
	set -e; for script in $$(grep -l __main__ benchmarks/*.py); do \
	  $(BIN)/python $$script --output docs/benchmarks/$$(basename $$script .py).md; done

clean: ## remove all that the other targets made
	rm -rf $(VENV) build build-* dist demo docs/_build docs/generated
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -exec rm -rf {} +

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What is installed stands in files of .venv, so that a second run starts at once.
$(VENV)/created:
	@sh workflows/create_venv.sh $(VENV)
	@touch $@

$(VENV)/build-requirements: $(VENV)/created pyproject.toml
	@echo "Installing the build tools"
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' > $@.txt
	@$(PIP) --requirement $@.txt
	@touch $@

$(VENV)/installed: $(VENV)/build-requirements $(BUILD_FILES)
	@echo "$(COMPILING), and installing gromos_dist with what it needs"
	@$(EDITABLE) .
	@touch $@

# The data files only, without MDAnalysis itself.
$(VENV)/demo-data: $(VENV)/created pyproject.toml
	@echo "Fetching real trajectories (MDAnalysisTests)"
	@$(PIP) --no-deps MDAnalysisTests
	@touch $@

$(VENV)/installed-%: $(VENV)/build-requirements $(BUILD_FILES)
	@echo "$(COMPILING), and installing gromos_dist with what '$*' needs"
	@$(EDITABLE) '.[$*]'
	@touch $@ $(VENV)/installed
