"""The sentences of the command line: one package for each language, with the same keys by the same topics."""
