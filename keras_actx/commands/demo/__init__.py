"""`demo`: networks trained on real data, saved, and reloaded on every backend. The command is in `run.py`."""
