"""Pages of `docs/integrations`, whose code is run as it is written, with the libraries that they name."""
