"""One folder per system, the same five files in each."""
