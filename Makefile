# One command runs the loop: `make run`. `make help` lists the rest.

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PROFILE ?= tiny
CANDIDATE ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed.stamp
FAST := not slow and not browser and not fault

.DEFAULT_GOAL := help
.PHONY: help setup system run test play stop dashboard

help:  ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) system  ## make .venv with everything in it (and EGL, where this may be installed)
	@echo "setup: done; next: make run"

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "setup: Python 3.11 is needed and neither python3.11 nor python3 is one; install it or pass PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || { echo "setup: making $(VENV) with $(PYTHON)"; "$(PYTHON)" -m venv $(VENV); }
	@echo "setup: installing packages into $(VENV) (about 3 GB, some minutes)"
	$(BIN)/pip install --disable-pip-version-check --progress-bar on -c constraints.txt -e '.[dev]'
	$(BIN)/pip install --disable-pip-version-check -q --no-deps -c constraints.txt unrealcv # wants an OpenCV that needs a display's libraries
	@touch $@

system: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/worldloom setup

run: setup  ## run the whole loop: ends with a report and a model to play; PROFILE=smoke runs another profile
	$(BIN)/worldloom run --profile $(PROFILE)

test: $(STAMP)  ## lint, types, import contracts and the fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m "$(FAST)"

play: $(STAMP)  ## play the released model in a browser; CANDIDATE=1 plays one that the gate refused
	$(BIN)/worldloom play --open --profile $(PROFILE) $(if $(CANDIDATE),--candidate)

stop: $(STAMP)  ## stop what play, dashboard and deploy left running
	$(BIN)/worldloom stop --profile $(PROFILE)

dashboard: $(STAMP)  ## show what ran, in the Prefect UI
	$(BIN)/worldloom dashboard --profile $(PROFILE)
