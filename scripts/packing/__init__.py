"""A checkpoint folder to an archive: weights, heads, tokenizer, kernels, other engines' formats, the check."""
