"""Virtual time, seeded chance, and the wall-clock variant of both. Knows nothing of what is simulated."""
