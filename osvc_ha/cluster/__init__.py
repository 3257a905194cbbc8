"""What OpenSVC knows: one immutable Cluster value, and the questions it answers."""
