"""The sentences of the command line: one table for each language, with the same keys."""
