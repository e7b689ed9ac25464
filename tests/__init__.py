"""Tests: `unit` in process, `parity` against reference implementations, `e2e` on real TorchServe processes."""
