"""Documents to Program: defaults, references, checks, lowering. Pure."""
