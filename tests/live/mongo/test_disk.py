"""A primary whose disk is full."""

import os
import shutil

import pytest

from osvc_ha.planner.types import Status

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="a mount of its own needs root and unshare"),
]
MEGABYTES = 420
# The mount is seen by that mongod alone, and ends with it.
ON_A_SMALL_DISK = """#!/bin/sh
exec unshare --mount sh -c 'mount -t tmpfs -o size={size}m small {data} && exec {program} "$@"' sh "$@"
"""


def test_a_full_disk_costs_the_primary_and_no_acknowledged_write(group):
    """n1's disk fills up: it ends, another is primary, nothing acknowledged is lost; started on an empty disk, n1 copies it all."""
    import pymongo
    from pymongo.errors import PyMongoError

    script = group.directory / "mongod-on-a-small-disk"
    data = group.directory / "n1" / "data"
    script.write_text(ON_A_SMALL_DISK.format(size=MEGABYTES, data=data, program=group.program))
    script.chmod(0o755)
    group.own["n1"] = {"mongod": str(script)}
    group.start()
    group.eventually(lambda: group.primary() == "n1")
    pid = group.pid("n1")
    with group.writer("full") as load:
        with pymongo.MongoClient(group.addresses["n1"], group.port, directConnection=True, w=1) as client:
            blobs = client.get_database("load").get_collection("blobs")
            try:
                for _ in range(4 * MEGABYTES):
                    blobs.insert_one({"blob": os.urandom(1 << 20)})
            except PyMongoError:
                pass
        group.eventually(lambda: not group.host.alive(pid))
        load.progress()
    assert load.lost() == set()
    assert group.primary() in ("n2", "n3")
    assert group.status("n1").status is Status.DOWN
    with pymongo.MongoClient(load.uri) as client:
        client.drop_database("load")
    group.start("n1")
    assert group.status("n1").status is Status.UP
