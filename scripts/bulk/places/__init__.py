"""Where rows are computed, one class per place: on this machine, on a server, on a cluster."""
