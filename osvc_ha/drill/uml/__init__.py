"""Nodes with a kernel of their own (User-Mode Linux) and real DRBD 8.4 between them: by any user, and apart from this machine's kernel."""
