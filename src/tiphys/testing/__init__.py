"""For our tests and users' tests: contract suites and the worlds they run in."""
