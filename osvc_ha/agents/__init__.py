"""The only code that knows OpenSVC's calls."""
