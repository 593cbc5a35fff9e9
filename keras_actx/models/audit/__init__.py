"""`audit`: what is wrong with a model."""
