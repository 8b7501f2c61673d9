# make demo: compare the shipped policies on NSFNET.   make test: run the tests.
# Both make .venv themselves. PYTHON picks the interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Of `make fuzz`.
MINUTES ?= 5
# of pytest: neighbours run in one process, which makes their fixtures and compiles once
WORKERS := -n 2 --dist worksteal
# a test that hangs shows where, ends its process and fails
HANGING := -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true

.PHONY: demo test verify wheel weigh versions fuzz lint bench benchmark reproduction policies study growth fel fel-rounds theory coverage golden docs clean

demo: $(READY)
	$(BIN)/qnetsim compare nsfnet --out runs/demo --force

test: $(READY)
	$(BIN)/python -m pytest $(WORKERS) $(HANGING)

verify: $(READY)
	$(BIN)/python -m pytest $(WORKERS) -m ""

# README's commands from the wheel, in an empty folder
wheel: $(READY)
	$(BIN)/python -m pytest -m "" tests/shipping

# what a core installation takes; fails above 500 MB
weigh: $(READY)
	$(BIN)/python -m tests.shipping.weigh

# lower bounds and newest versions of all dependencies, installed in turn
versions: $(READY)
	$(BIN)/python -m tests.versions.run

fuzz: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.run --minutes $(MINUTES)

# ratios to version 0.1.0, whose commit the checkout must have; twenty minutes with nothing else running
bench: $(READY)
	$(BIN)/python -m pytest tests/benchmarks -m "" -s -rs

# worlds, bounds and reference rows of `qnetsim bench`; about five minutes of one processor
benchmark: $(READY)
	$(BIN)/python -m qnetsim.studies.benchmark.make_reference > $@.json
	mv $@.json qnetsim/studies/benchmark/reference_rows.json

# results of `qnetsim reproduce all`, and the page that is made of them; goes on where it was stopped
reproduction: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m qnetsim reproduce all --workers 2 --force --out runs/$@
	cp runs/$@/results.json qnetsim/studies/paper/results.json
	cp runs/$@/fig[4-9].png docs/images/
	$(BIN)/python -m qnetsim.reference.reproduction > docs/background/reproduction.md

# all rules and learners in the shipped scenarios and in variants of them; goes on where it was stopped
policies: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.policy_table --out runs/$@ > $@.md
	mv $@.md docs/background/policy-table.md

study: $(READY)
	$(BIN)/python tests/benchmarks/planning_study.py

fel: $(READY)
	$(BIN)/python tests/benchmarks/fel_cost.py

fel-rounds: $(READY)
	$(BIN)/python tests/benchmarks/fel_rounds.py

growth: $(READY)
	$(BIN)/python tests/benchmarks/growth.py

# runs beside queueing theory, three minutes
theory: $(READY)
	$(BIN)/python -m tests.support.oracles > docs/background/theory.md

coverage: $(READY)
	$(BIN)/python -m pytest $(WORKERS) --cov --cov-report=term-missing:skip-covered

golden: $(READY)
	$(BIN)/python -m pytest tests/golden --update-golden

docs: $(READY)
	$(BIN)/python -m qnetsim.reference.trace_format > docs/reference/trace-format.md
	$(BIN)/python -m qnetsim.reference.plan_file > docs/reference/plan-file.md
	$(BIN)/python -m qnetsim.reference.scenario > docs/reference/scenario.md
	$(BIN)/python -m qnetsim.reference.sweep > docs/reference/sweep.md
	$(BIN)/python -m qnetsim.reference.benchmark > docs/reference/benchmark.md
	$(BIN)/python -m qnetsim.reference.reproduction > docs/background/reproduction.md

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check qnetsim tests
	$(BIN)/mypy
	$(BIN)/lint-imports

$(READY): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install -qq -c constraints.txt -e ".[test]"
	touch $(READY)

clean:
	rm -rf .venv runs build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
