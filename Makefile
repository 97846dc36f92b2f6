# Targets with a comment after ## are what `make help` shows.
.DEFAULT_GOAL := help
.PHONY: help setup serve test test-slow check docs bench bench-soak bench-replay lock clean
PYTEST_ARGS ?= -n 2 --dist loadfile

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with everything in it; nothing to do costs nothing
	@PYTHON='$(PYTHON)' tools/bootstrap

serve: setup ## run the gateway; ARGS="--port 4000" is passed on
	@.venv/bin/fenli serve $(ARGS)

test: setup check ## everything CI runs: style, types, layers, tests
	@tools/debian-packages
	@tools/sdks
	.venv/bin/pytest -m 'not slow' $(PYTEST_ARGS) $(ARGS)

test-slow: setup ## the tests that take minutes
	@tools/debian-packages
	.venv/bin/pytest -m slow $(ARGS)

check: setup ## style, types and layers only
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --check --quiet .
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --no-logo

bench: setup ## measure beside nginx and other gateways; ARGS="--help" says what
	@.venv/bin/python -m bench $(ARGS)

bench-soak: setup ## a million calls with streams between: memory must stay flat
	@.venv/bin/python -m bench soak $(ARGS)

bench-replay: setup ## rate ten million past calls again, beside a bare sum over the same files
	@.venv/bin/python -m bench replay $(ARGS)

docs: setup ## write the pages and tables that are made of the code's own data
	@.venv/bin/python tools/options_tables.py
	@.venv/bin/python tools/matrix_table.py
	@.venv/bin/python tools/vendor_pages.py

lock: ## resolve the dependencies again; ARGS="--upgrade" moves them
	@tools/lock $(ARGS)

clean: ## remove .venv, the SDKs' environments and every cache
	rm -rf .venv .sdks build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './bench/environments/*' -prune -exec rm -rf {} +
