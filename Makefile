# Everything runs in .venv, which `tools/bootstrap` makes from a bare python3; after any target: .venv/bin/naomesh

PYTHON := .venv/bin/python
READY := .venv/.ready

.PHONY: help demo test check bench requirements clean
.DELETE_ON_ERROR:

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 20

demo: $(READY) ## the sample photos through everything, with a day of sun that passes in a minute
	@.venv/bin/naomesh demo

test: $(READY) ## all tests but the slow ones; ends with what was left out (make test ARGS=--slow)
	@tools/system-packages
	@$(PYTHON) -m pytest $(ARGS)

check: $(READY) ## style, types and the layering of the rooms
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: $(READY) ## the figures that we promise, with the floor beside each (make bench ARGS=NAME)
	@$(PYTHON) tests/benchmarks $(ARGS)

requirements: $(READY) ## requirements*.txt, exported from uv.lock
	@tools/requirements

clean: ## remove the environment
	rm -rf .venv .uv

$(READY): pyproject.toml uv.lock tools/bootstrap
	@tools/bootstrap
	@touch $@
