"""osvc_ha: what must follow an OpenSVC placement change, follows it."""

__version__ = "0.1.0"
# Where `osvc-ha install` puts the program on every node: what agents, templates and drivers call.
PROGRAM = "/usr/share/osvc-ha/bin/osvc-ha"
