"""Measures Fenli beside nginx, LiteLLM and Portkey: one machine, one upstream, one run. Start: `python -m bench`."""
