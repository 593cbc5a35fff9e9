"""How a name becomes an activation: the string form, look-up, errors, and the hook into Keras."""
