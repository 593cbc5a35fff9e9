"""The declaration of an activation, the table of declarations, and the `Activation` value of a declaration."""
