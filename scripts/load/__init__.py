"""Load over HTTP, what it is made of, and the reports of what it found; `bert bench` and `benchmarks/` use it."""
