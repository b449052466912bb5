# The verbs of this project. Plain `make` lists them. Nothing here needs root.

PYTHON ?= python3
CORPUS ?= ../shared/conformance
DEMO_HOME ?= build/demo
# Needs no images and nothing that may be missing.
DEMO_RUNTIME ?= process
FUZZ_SECONDS ?= 600
SEEDS ?= 10000

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEPENDENCIES := $(VENV)/.dependencies
EMULATORS := build/emulators
EMULATED := requirements/emulators
MVN := mvn -B -q -C -f $(EMULATED)/pom.xml
PRODUCT := $(wildcard tools/build_launcher.py src/tiphys/executor/launcher.c)
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup fmt lint type test conformance e2e bench docs check demo fuzz soak
.PHONY: emulators azurite fakegcs hadoop

help: ## list the verbs
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(READY) ## make .venv with the pinned dependencies and Tiphys in it

demo: $(READY) ## run a real workflow with a live tree and show what it left
	@echo "== Running examples/demo.yaml; its state is kept in $(DEMO_HOME)"
	$(BIN)/tiphys run examples/demo.yaml --home $(DEMO_HOME) --runtime $(DEMO_RUNTIME)
	@echo
	@echo "== What is known about it now: tiphys get @latest"
	$(BIN)/tiphys get @latest --home $(DEMO_HOME)
	@echo
	@echo "== What its steps wrote: tiphys logs @latest"
	$(BIN)/tiphys logs @latest --home $(DEMO_HOME)

test: $(READY) ## run the tests
	@echo "== Running the tests"
	$(PYTEST) -n auto

e2e: $(READY) ## run only the tests that start the command line as a user does
	$(PYTEST) -m e2e

conformance: $(READY) ## compare with the corpus: languages, lint, simulated and real runs
	$(BIN)/python -m tests.conformance.language --allow 2 $(CORPUS)/language
	$(BIN)/python -m tests.conformance.workflows $(CORPUS)

bench: $(READY) ## print the costs as ratios
	$(BIN)/python -m benchmarks.run

emulators: azurite fakegcs hadoop ## install the servers that some tests of stores need (npm, Maven, Java)

azurite:
	mkdir -p $(EMULATORS)
	cp $(EMULATED)/package.json $(EMULATED)/package-lock.json $(EMULATORS)
	npm ci --no-audit --no-fund --ignore-scripts --prefix $(EMULATORS)

fakegcs: $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade --target $(EMULATORS)/python -r $(EMULATED)/python.txt

hadoop:
	rm -rf $(EMULATORS)/hadoop $(EMULATORS)/unchecked $(EMULATORS)/maven
	$(MVN) dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(EMULATORS)/unchecked
	cd $(EMULATORS)/unchecked && sha256sum --quiet --check $(CURDIR)/$(EMULATED)/hadoop.sha256
	$(MVN) -o dependency:unpack-dependencies -DincludeArtifactIds=hadoop-client-minicluster -Dmdep.unpack.includes='webapps/**' -DoutputDirectory=$(CURDIR)/$(EMULATORS)/unchecked
	mv $(EMULATORS)/unchecked $(EMULATORS)/hadoop

fuzz: $(READY) ## feed every language nonsense, ten minutes each (FUZZ_SECONDS)
	$(BIN)/python -m tests.unit.expr.fuzzing --seconds $(FUZZ_SECONDS)

soak: $(READY) ## try ten thousand random programs, and hundreds of runs with faults (SEEDS)
	$(BIN)/python -m tests.properties.soak --seeds $(SEEDS)

fmt: $(READY) ## format and sort imports
	$(BIN)/ruff check --select I --fix src tests tools benchmarks
	$(BIN)/ruff format src tests tools benchmarks

lint: $(READY) ## check style, walls between rooms and size limits
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/lint-imports
	$(BIN)/python tools/limits.py

type: $(READY) ## check types
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tools benchmarks

docs: $(READY) ## check links, listed differences, and pages that tools write
	$(BIN)/python -m tools.docs

check: lint type docs test ## all that must hold before a commit

$(VENV)/pyvenv.cfg:
	@echo "== Making a Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(DEPENDENCIES): requirements/dev.txt | $(VENV)/pyvenv.cfg
	@echo "== Installing the pinned dependencies (once; this needs the network)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(READY): pyproject.toml $(PRODUCT) $(DEPENDENCIES)
	@echo "== Installing Tiphys and building its launcher (a C compiler does that)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
