"""The page at `ui` in a real browser; what of it is quick is in `tests/e2e/test_ui.py`."""
