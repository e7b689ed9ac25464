"""Files in, files out: `bert embed`. Rows of files through a model, block by block, resumable."""
