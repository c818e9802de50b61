# What this project is run with. It needs python3 (3.10 to 3.13) with venv, make and git; everything else goes into .venv.
#
#   make repro         install, then redo what parameters, code or data have changed
#   make mnist         the same on MNIST with narrow networks (mnist/dvc.yaml), in hours on two cores
#   make mnist-report  its report, on the runs that there are
#   make paper         the same at the paper's own scale (paper/dvc.yaml)
#   make paper-report  its report, on the runs that there are: yours, and those of other machines in paper/packs
#   make test          tests, but for the long ones; `make test-all` with them
#   make check         whether what is committed belongs together
#   make compare       what metrics and reports differ in from those of BASE, by default the last commit
#   make digests       record anew what small results are, after a version of the numerics was raised
#   make lint          ruff, the order of imports, and mypy where types stay quiet
#   make bench         measure this project against the usual ways, into BENCHMARKS.md (an hour, nothing beside it)
#   make bench-gpu     training and lines on a GPU, and the default suites beside a CPU, into BENCHMARKS_GPU.md (with
#                      MLI_DEVICE=cuda; ten minutes at most)
#
# PYTHON=python3.12 make repro    takes another Python for a new .venv
#
# Without git (an unpacked archive of the sources) all of this works but for `dvc exp`, which keeps experiments in git.

PYTHON ?= python3
BASE ?= HEAD
INSTALLED := .venv/.installed

# Commands of stages call `python`: it has to be the one in .venv.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# DVC walks sets: without this, a dvc.lock written from nothing has its stages in another order each time.
export PYTHONHASHSEED := 0

.PHONY: repro mnist mnist-report paper paper-report test test-all check compare digests lint bench bench-gpu install
.DEFAULT_GOAL := repro

repro: install
	@python -m dvc repro
	@python -m tools.by_scale

mnist paper: install
	@python -m dvc repro $@/dvc.yaml
	@python -m tools.by_scale

mnist-report paper-report: install
	@scale=$(@:-report=); export MLI_ORIGIN=$${MLI_ORIGIN:-all}; \
	for pack in $$scale/packs/*.pack; do \
		[ ! -e "$$pack" ] || python tools/store.py unpack "$$pack" || exit 1; \
	done; \
	for stage in measure plot report; do \
		python -m stages.$$stage --partial --params $$scale/params.yaml --data data/$$scale \
			--reports reports/$$scale || exit 1; \
	done
	@python -m tools.by_scale

# Files in their own order: by default those of the fewest tests start last, and among them is the longest.
test: install
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: install
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "long or not long"

check: install
	@python tools/check_artifacts.py

compare: install
	@echo "### Metrics beside \`$(BASE)\`"
	@echo
	@python -m dvc metrics diff $(BASE) --md --precision 4
	@echo
	@echo "### Values in reports/ beside \`$(BASE)\`"
	@echo
	@python tools/compare_reports.py $(BASE) reports || true

bench: install
	@python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt -c constraints.txt
	@python -m benchmarks.run

bench-gpu: install
	@python -m benchmarks.gpu

digests: install
	@MLI_PRODUCTS=portable python -m tools.digests

lint: install
	@python -m ruff check
	@python -m ruff format --check
	@lint-imports --no-logo --no-cache
	@python -m mypy

# DVC refuses to work outside of a git repository unless it is told to, which .dvc/config.local does, and it has to
# be told otherwise once there is one.
install: $(INSTALLED)
	@if [ -e .git ]; then \
		if grep -qs no_scm .dvc/config.local; then python -m dvc config --local --unset core.no_scm; fi; \
	else \
		grep -qs no_scm .dvc/config.local || python -m dvc config --local core.no_scm true; \
	fi

$(INSTALLED): requirements.txt requirements-cluster.txt constraints.txt
	@$(PYTHON) -c 'import sys; (3, 10) <= sys.version_info < (3, 14) or sys.exit("error: want Python 3.10 to 3.13, got " \
		+ sys.version.split()[0] + "; name another, as in: PYTHON=python3.12 make")'
	@echo "installing into .venv, which takes some minutes"
	@[ -x .venv/bin/pip ] || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@
