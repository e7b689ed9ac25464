"""Labelled lines to a fine-tuned checkpoint folder: one idea per file, joined by `scripts.finetuning.finetune`."""
