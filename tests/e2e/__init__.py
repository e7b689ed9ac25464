"""Real servers, clients, documents and command lines, each with ports and folders of its own."""
