"""`fenli.toml`: what may stand in it, where a mistake is, and what it comes to on this machine."""
