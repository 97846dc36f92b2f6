"""The life of one call: events in, effects out. No socket, no clock of its own."""
