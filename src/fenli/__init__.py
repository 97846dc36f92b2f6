"""Fenli (分厘): one endpoint in front of every model vendor, and books exact to the last 厘."""

__version__ = "0.1.0"
