"""What an encoder is made of, in terms that all fast runtimes read: none of them knows a family by its name."""
