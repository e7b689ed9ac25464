"""How good an archive is on labelled data, and how far two are apart; each is opened in a process of its own."""
