"""osvc_ha: what must follow an OpenSVC placement change, follows it."""

__version__ = "0.1.0"
