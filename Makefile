# Hookline. `make demo` shows it working, `make test` proves it; both fetch what they need first.

.DEFAULT_GOAL := help
.PHONY: help setup demo up down build deploy test check fuzz load bench clean

RUN := .venv/bin
STAGE ?= dev

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## fetch what Hookline is built and tested with, into this checkout
	@tools/setup . tools/sam tools/emulator

demo: setup ## the whole path on the embedded emulator, from a signed request to an event
	@$(RUN)/hookline demo

up: setup ## the same stack, left running for development; again after an edit to redeploy
	@$(RUN)/hookline up

down: setup ## stop it
	@$(RUN)/hookline down

build: setup ## what will be deployed, into .aws-sam/build, for this machine
	@$(RUN)/hookline build

deploy: setup ## to AWS, with your credentials: make deploy STAGE=dev
	@$(RUN)/hookline deploy $(STAGE)

test: setup ## every test
	@$(RUN)/pytest

check: setup ## ruff, mypy, import-linter, cfn-lint, sam validate, checkov, dependency audit
	@tools/setup tools/checkov
	@tools/check

fuzz: setup ## a million requests of every kind at the verifiers
	@$(RUN)/python -m tests.fuzz.fuzz_verify --inputs 1000000

load: setup ## fifteen thousand commands through the local stack while both providers misbehave, reconciled
	@$(RUN)/python -m tests.load.run_commands
	@$(RUN)/python -m tests.load.run_zorya

bench: build ## speed, start-up and throughput, side by side with others; writes benchmarks/results.md
	@$(RUN)/python -m benchmarks

clean: ## throw away what was built and fetched
	@$(RUN)/hookline down >/dev/null 2>&1 || true
	rm -rf .venv .tools .hookline .aws-sam tools/*/.venv
