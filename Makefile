# `make demo` and `make test` need only Python 3.11 or newer and git; the README has the plain lines.
PYTHON ?= python3
OUT ?= demo

.PHONY: setup demo test check slow browser docs clean

setup: .venv/ready

.venv/ready: constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet -c constraints.txt -e ".[all]"
	@touch .venv/ready

demo: setup
	.venv/bin/twospeed demo --out $(OUT)

test: setup
	.venv/bin/python -m pytest -n auto --maxprocesses 8

slow: setup
	.venv/bin/python -m pytest -m slow

browser: setup
	.venv/bin/python -m pytest -m browser -rs -n auto --maxprocesses 2 --dist load

docs: setup
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict

check: setup docs
	.venv/bin/ruff check src tests tools examples
	.venv/bin/ruff format --check src tests tools examples
	.venv/bin/mypy

clean:
	rm -rf .venv demo site
