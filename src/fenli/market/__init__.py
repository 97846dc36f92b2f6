"""The emulated vendors: one model of each, and two faces, virtual time in process and a real server.

`fenli.market` answers as the vendors do: their wire format, their keys, their errors, their usage. What it says is made
up: tokens are counted by rule (one for every 4 bytes of UTF-8), words come from a list, speeds from a scenario.
"""
