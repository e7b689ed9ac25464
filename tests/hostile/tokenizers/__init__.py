"""Folders of edited tokenizers against AutoTokenizer: `python -m tests.hostile.tokenizers`."""
