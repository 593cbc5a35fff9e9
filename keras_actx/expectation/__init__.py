"""Gaussian expectations of an activation, from which pairing computes initializations; see `moments.py`."""
