"""A checkpoint in the formats of other engines, and the int8 recipe."""
