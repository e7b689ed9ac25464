"""Several hosts in network namespaces of this machine: `python -m tests.fleet.hosts`, as root."""
