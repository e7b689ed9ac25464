# `make` alone prints what there is.
.DEFAULT_GOAL := help
.PHONY: help install serve stop test check reference

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 11

install: ## .venv with the pinned packages, Java included
	@scripts/setup

serve: ## pack the default model, start TorchServe on loopback, and show the first answer
	@scripts/bert up

stop: ## end the server that `make serve` started
	@scripts/bert stop

test: ## every test: unit, parity, and end-to-end on real TorchServe processes
	@scripts/setup dev
	@.venv/bin/python -m pytest

check: ## ruff and mypy
	@scripts/setup dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

reference: ## write openapi.json and docs/reference from the code
	@scripts/setup dev
	@.venv/bin/python -m scripts.reference
