"""How a volume is on this node (Actual), and how it should be (Desired). Pure; the other files here make it from texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from osvc_ha.planner.types import Verb
from osvc_ha.systems.volumes.config import Config

from .ceph import CephFs
from .gluster import Volume
from .mounts import Mount
from .touched import Answer, Client, Device, Place

__all__ = ["Actual", "Answer", "CephFs", "Client", "Desired", "Device", "Mount", "Place", "Volume"]


@dataclass(frozen=True)
class Actual:
    """One look at a volume.

    mount: what is mounted at the place, the topmost. elsewhere: other mount points of the same device. below: mount points inside it.
    errors: what the filesystem has recorded of its own, since it was last checked. content: the filesystem on the device, ""
    for none; None: not looked, or cannot be told. volume, cephfs: what the servers say; ``unheard``: why they could not be asked.
    """

    place: Place
    device: Device
    mount: Optional[Mount] = None
    answer: Answer = Answer()
    elsewhere: Tuple[str, ...] = ()
    below: Tuple[str, ...] = ()
    errors: int = 0
    content: Optional[str] = None
    client: Client = Client()
    volume: Optional[Volume] = None
    cephfs: Optional[CephFs] = None
    unheard: str = ""


@dataclass(frozen=True)
class Desired:
    """mounted: None when it may be either. others: living nodes where OpenSVC has the service up, this one not counted; in a flex
    service, none. moves: the service may run on other nodes than this one.
    """

    verb: Verb
    config: Config
    local: str
    mounted: Optional[bool]
    others: Tuple[str, ...] = ()
    moves: bool = True
