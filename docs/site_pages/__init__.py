"""The generated pages of the site; docs/make.py writes them."""
