"""One module per use case: what the command line and the API do, in terms of ports."""
