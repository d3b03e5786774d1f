# All that a newcomer must know: make run, make test, make check. `make` alone lists the rest.

HOST     = 127.0.0.1
PORT     = 8000
DATA_DIR = .soundstage
ARGS     =

# Node and npm of the development environment come first, then the machine's.
test test-long check bench generate assets: export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHON

.DEFAULT_GOAL = help
.DELETE_ON_ERROR:
.PHONY: help setup run test test-long check bench generate lock assets clean

help:              ## list these commands
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: .venv/.runtime   ## put what the program needs into .venv; PYTHON=python3.12 picks the interpreter
	@echo 'Ready: "make run" starts it, ".venv/bin/soundstage --help" tells the rest.'

run: .venv/.runtime     ## start with demonstration data; PORT=8123 DATA_DIR=/elsewhere
	@exec .venv/bin/soundstage serve --host $(HOST) --port $(PORT) --data-dir $(DATA_DIR) --demo $(ARGS)

test: check tests/clients/node_modules/.installed   ## check, then the tests; ARGS="-k lease -x"
	@tools/install_test_tools.sh
	@exec tools/test.sh "not long" $(ARGS)

test-long: .venv/.dev tests/clients/node_modules/.installed   ## the long versions of the tests
	@tools/install_test_tools.sh
	@exec tools/test.sh long --timeout 7200 $(ARGS)

check: .venv/.dev       ## format, lint, types, direction of the dependencies
	@.venv/bin/ruff format --check --quiet . || { .venv/bin/ruff format --check .; echo 'To rewrite them: .venv/bin/ruff format .'; exit 1; }
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: .venv/.dev       ## measure; ARGS says what
	@exec .venv/bin/python -m benchmarks $(ARGS)

generate: .venv/.dev    ## rewrite schema.graphql, the OpenAPI document, the JSON schemas, the command line's help
	@exec .venv/bin/python -m tools.generate $(ARGS)

lock:                   ## rewrite the lock files from pyproject.toml and the package.json files; ARGS=--upgrade takes newer ones
	@tools/lock.sh $(ARGS)

assets:                 ## rebuild the bundled pages (GraphiQL, the API viewer); needs Node: `make check` brings one
	@cd app/console/source && npm ci --silent && node build.mjs

clean:                  ## remove what was installed and cached; .soundstage, the data, stays
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf tests/clients/node_modules app/console/source/node_modules
	find app resolvers rest_compat tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# Without an interpreter the stamps say nothing: a Python that was removed leaves a dangling link in .venv.
ifeq ($(wildcard .venv/bin/python),)
.PHONY: .venv/.runtime .venv/.dev
endif

.venv/.runtime: requirements.lock pyproject.toml
	@tools/setup.sh requirements.lock
	@touch .venv/.runtime

.venv/.dev: requirements.lock requirements-dev.lock pyproject.toml
	@tools/setup.sh requirements-dev.lock
	@touch .venv/.runtime .venv/.dev

tests/clients/node_modules/.installed: tests/clients/package-lock.json .venv/.dev
	@echo "Installing the JavaScript test clients."
	@cd tests/clients && npm ci --silent
	@touch $@
