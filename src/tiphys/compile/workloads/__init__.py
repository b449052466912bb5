"""What follows from the state of objects that run: Jobs, Volcano Jobs, Pods, child Workflows."""
