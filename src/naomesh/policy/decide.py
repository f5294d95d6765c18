"""The decision: pure functions of signals, fleet and job. Nothing here reads a clock, a file or a network."""
