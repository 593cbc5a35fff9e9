"""Functions of whole models."""
