"""The dialects that emulated vendors speak: how a request is read, and how an answer is written."""
