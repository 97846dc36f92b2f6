"""The books: journal records, how they are framed, and how they become entries."""
