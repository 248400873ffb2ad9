# Needs only Python 3.11 or newer and make: every target makes .venv and installs what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
ROUNDS ?= 5

.PHONY: demo test torture caps bill faults bench check clean

# The bundled manifest on the built-in sandbox: no key, no cost.
demo: $(VENV)/.base
	$(BIN)/batchgen run jobs/quickstart.csv --provider sandbox
	@echo "The images are in $(CURDIR)/images/sandbox-quickstart"

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal $(TESTS)

# 200 kills on SQLite and 50 on PostgreSQL, then the balance of images and money; KILLS=20, DATABASE=postgresql://... for others.
torture: $(VENV)/.test
	cd tests && ../$(BIN)/python -m torture.torture $(if $(KILLS),--kills $(KILLS)) $(if $(DATABASE),--database '$(DATABASE)')

# Four processes on one PostgreSQL under a cap of a dollar a day, twenty times with faults and twenty times without; RUNS=4,
# DATABASE=postgresql://... for others.
caps: $(VENV)/.test
	cd tests && ../$(BIN)/python -m caps.trial $(if $(RUNS),--runs $(RUNS)) $(if $(DATABASE),--database '$(DATABASE)')

# Every prompt of a file on a server with all its faults, and each attempt of the ledger against the server's log of it.
bill: $(VENV)/.test
	cd tests && ../$(BIN)/python -m bill.trial $(if $(PROMPTS),--prompts '$(abspath $(PROMPTS))')

# Every fault of the table put to the program; prints what became of each and writes it to docs/faults.md.
faults: $(VENV)/.test
	cd tests && ../$(BIN)/python -m faults.page ../docs/faults.md

# The program beside others and against its targets; all parts, or PART=small, large, scale, limits. The tables stay in
# benchmarks/RESULTS.md. What is written meanwhile (3 GB at most) goes to the temporary folder, TMPDIR=... for another disk.
bench: $(VENV)/.test
	$(BIN)/python -m benchmarks --rounds $(ROUNDS) $(PART)

# Linters, types and the layer law.
check: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV)

$(VENV)/.base: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "batchgen needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/.check: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[check]'
	@touch $@
