"""The command line: one file per command, and `render` for all that is printed."""
