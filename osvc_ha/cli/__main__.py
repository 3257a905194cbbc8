"""``python -m osvc_ha.cli``, for where the script is not on PATH."""

from osvc_ha.cli import main

main()
