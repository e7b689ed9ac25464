# `make` alone prints what there is.
.DEFAULT_GOAL := help
.PHONY: help install serve stop test check reference

# A shell may have a MODEL or NAME of its own; PORT is what hosting services set, and means the same.
given = $(if $(filter command,$(firstword $(origin $(1)))),$(2) "$($(1))")
port = $(if $(PORT),--inference-port "$(PORT)")

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 11

install: ## .venv with the pinned packages, Java included
	@scripts/setup

serve: ## pack a model, start TorchServe, show the first answer; PORT=9400, MODEL=bert-base-uncased, NAME=mine
	@scripts/bert up $(port) $(call given,NAME,--name) $(call given,MODEL)

stop: ## end the server that `make serve` started; PORT=9400
	@scripts/bert stop $(port)

test: ## every test: unit, parity, and end-to-end on real TorchServe processes
	@scripts/setup dev otel bulk browser
	@.venv/bin/python -m pytest -n 2 --dist loadfile

check: ## ruff and mypy
	@scripts/setup dev otel bulk
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

reference: ## write openapi.json and docs/reference from the code
	@scripts/setup dev otel bulk
	@.venv/bin/python -m scripts.reference
