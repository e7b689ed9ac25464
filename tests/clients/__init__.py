"""Clients as their owners publish them, each in an environment of its own, against one server."""
