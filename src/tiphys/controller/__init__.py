"""The shell: inputs to the engine, its events to the journal, its commands to the world."""
