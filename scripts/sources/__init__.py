"""Where a checkpoint comes from and what it holds: presets, hubs, folders, modules, pickles."""
