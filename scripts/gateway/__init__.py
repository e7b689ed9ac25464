"""HAProxy in front of one or many servers: what it is told, and how it is run."""
