"""One file for each resource; each has a `register` that adds its endpoints to the table."""
