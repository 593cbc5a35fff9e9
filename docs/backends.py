"""The backends that pages have columns for, in their order, as a reader calls them."""

TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
