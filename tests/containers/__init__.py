"""Images and manifests, built and run by podman, and checked against schemas: `run` and `schemas`."""
