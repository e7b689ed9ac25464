"""The strongest engines and servers of others beside this project's own, each of them with the same answers first."""
