"""One module a format: how it is read, and how it is written."""
