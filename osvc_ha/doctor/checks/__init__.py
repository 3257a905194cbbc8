"""One small pure function for each check: Facts -> Finding. The docstring names the source of what it judges by."""
