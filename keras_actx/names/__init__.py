"""Names of activations: the string form, look-up, errors, and the hook into Keras."""
