"""Why DRBD dropped a connection: nowhere but in the kernel's log. A hint for the sentence, never the ground of a decision. Pure."""

from __future__ import annotations

import re
from typing import Dict

# drbd_receiver.c (8.4.11 and 9): what it says right before it drops the connection for good.
REASONS: Dict[str, str] = {
    "Split-Brain detected": "split brain: both sides were written while apart",
    "I shall become SyncTarget, but I am primary": "the peer went on while this node was Primary too: split brain without its handler",
    "Unrelated data, aborting": "the two disks never belonged together: metadata of another resource",
    "disk size is too small": "the peer's disk is smaller than what is used here",
    "uuid_compare()=-1000": "the two disks never belonged together: metadata of another resource",
    "incompatible after-sb": "the two sides have other after-sb policies",
    "incompatible": "the two sides have settings that do not fit together",
    "allow-two-primaries": "both sides are Primary, which the configuration does not allow",
    "Multiple primaries not allowed": "both sides are Primary, which the configuration does not allow",
}
SPLIT = "split brain"
LINE = re.compile(r"(?:\[[^\]]*\] ?)?(?:drbd ([^\s:/]+)[^:]*|block drbd([0-9]{1,7})): (.*)")
AGREED = re.compile(r"conn\( \S+ -> (Connected|WFBitMap|SyncS|SyncT)")


def parse_reason(text: str, name: str, minors: tuple[int, ...]) -> str:
    """Why the connection was dropped last, in our words; "" when the log does not say, or a connection was made since."""
    reason = ""
    for line in text.splitlines():
        found = LINE.match(line)
        if found is None or not (found.group(1) == name or (found.group(2) and int(found.group(2)) in minors)):
            continue
        said = found.group(3)
        if AGREED.search(said):
            reason = ""
        reason = next((words for key, words in REASONS.items() if key in said), reason)
    return reason
