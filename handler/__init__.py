"""Packs and serves a BERT with TorchServe: this package travels inside the archive and runs in its workers."""
