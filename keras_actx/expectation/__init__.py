"""Gaussian expectations of an activation: the numbers that pairing is computed from. `moments.py` has the functions."""
