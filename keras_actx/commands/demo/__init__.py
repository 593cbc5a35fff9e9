"""`demo`: networks trained on real data, saved, and reloaded on every backend. `run.py` has the command."""
