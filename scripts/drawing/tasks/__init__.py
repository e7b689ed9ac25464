"""A file for each drawing, named in `registry`."""
