"""Speed, measured: a workload from a seed, load over HTTP, engines in process, and other servers side by side."""
