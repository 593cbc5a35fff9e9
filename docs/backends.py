"""The backends in the order of the columns of the pages, with their titles."""

TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
