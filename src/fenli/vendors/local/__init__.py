"""The on-device model: llama.cpp in a child process, so that a machine with no key and no network has a real model.

`weights` finds the model file, `process` runs the child, ``python -m fenli.vendors.local`` is the child.
"""
