"""Files for what runs servers: one file per target."""
