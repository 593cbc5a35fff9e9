"""`pair`: the right initial weights for any model."""
