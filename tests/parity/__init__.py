"""Numbers against transformers, sentence-transformers and gensim, on every runtime."""
