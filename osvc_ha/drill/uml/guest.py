"""What a node finds when it boots: its init script, and the files of its /etc."""

from __future__ import annotations

from collections.abc import Mapping

NETWORK = "10.77.0"
RESOURCE = "r0"
PORT = 7788
# Ports of the stand-ins for an agent (heartbeat.py) and for ssh (remote.py).
HEARTBEAT_PORT = 7700
REMOTE_PORT = 7701

# Process 1. The kernel's command line arrives as environment: node, ip, lab, mods, tree. A hostfs is read only and the host's, so what
# is written goes to an overlay in memory. The chroot is made by process 1 itself, which shares its root with the kernel's
# threads: DRBD's handlers run in the overlay too. What is edited on the host while a node runs stays as it was below an
# overlay; the project's own tree is mounted once more, directly. root_disk: a disk that keeps what is written, else memory.
INIT = r"""#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
busybox=/bin/busybox
if [ -z "$SECOND" ]; then
    mount -t proc proc /proc
    if [ -n "$root_disk" ]; then
        mount -t devtmpfs devtmpfs /dev
        mount -t ext4 "$root_disk" /mnt
        umount /dev
    else
        mount -t tmpfs -o size=64m tmpfs /mnt
    fi
    mkdir -p /mnt/upper /mnt/work /mnt/root
    insmod "$mods/kernel/fs/overlayfs/overlay.ko" &&
        mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root ||
        exec $busybox poweroff -f
    cd /mnt/root
    mkdir -p proc sys dev run tmp ctl
    mount --move /proc proc
    SECOND=1 exec chroot /mnt/root /bin/sh "$lab/init"
fi
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/drbd /ctl /srv/data /lib/modules /var/lib/drbd /var/lib/osvc_ha /usr/share/osvc-ha/bin
mount -t hostfs -o "$lab/ctl/$node" none /ctl
mount -t hostfs -o "$lab/var/$node" none /var/lib/osvc_ha
mount -t hostfs -o "${mods%/*}" none /lib/modules
mount -t hostfs -o "$tree" none "$tree"
hostname "$node"
ip link set lo up
ip addr add "$ip/24" dev vec0 && ip link set vec0 up
# Through /ctl: /dev of the host, where the lab may be, is out of sight by now.
cp /ctl/etc/hosts /etc/hosts
cp /ctl/etc/remote /usr/local/bin/remote
. /ctl/etc/furnish
modprobe drbd
exec 3<>/dev/ttyS0
stty raw -echo <&3
echo READY >&3
while read -r id seconds <&3; do
    (
        timeout -k 1 "$seconds" sh "/ctl/$id.cmd" >"/ctl/$id.out" 2>"/ctl/$id.err" </dev/null 3>&-
        echo "END $id $?" >&3
    ) &
done
$busybox poweroff -f
"""

# The part of the init script that is one lab's own: here DRBD's configuration, and osvc_ha as a node has it.
FURNISH = r"""rm -f /etc/drbd.d/*.res
cp /ctl/etc/*.conf /ctl/etc/*.res /etc/drbd.d/
cp /ctl/etc/osvc-ha /usr/share/osvc-ha/bin/osvc-ha
ln -sfn "$hooks" /usr/share/osvc-ha/hooks
"""

# In place of ssh: `remote ADDRESS COMMAND...`, its output and its exit code. 255 when nobody answers, as ssh.
REMOTE = rf"""#!/bin/bash
address=$1
shift
exec 3<>"/dev/tcp/$address/{REMOTE_PORT}" || exit 255
printf '%s\n' "$*" >&3
code=255
while IFS= read -r line <&3; do
    case $line in
    "CODE "*) code=${{line#CODE }} ;;
    *) printf '%s\n' "${{line#.}}" ;;
    esac
done 2>/dev/null
exit "$code"
"""


def addresses(nodes: tuple[str, ...]) -> dict[str, str]:
    """Each node's own, by name."""
    return {node: f"{NETWORK}.{number}" for number, node in enumerate(nodes, 1)}


def files(nodes: tuple[str, ...], python: str, tree: str, handlers: Mapping[str, str], fencing: str) -> dict[str, str]:
    """The files by name.

    The resource r0 is of the first two nodes; a third is a witness without a disk. handlers: event -> command line. fencing:
    dont-care, resource-only or resource-and-stonith. The times are short, so that a lost link is noticed within 1.7 s.
    """
    known = addresses(nodes)
    hosts = "".join(f"{address} {node}\n" for node, address in known.items())
    return {
        "hosts": f"127.0.0.1 localhost\n{hosts}",
        "osvc-ha": f'#!/bin/sh\nPYTHONPATH={tree} PYTHONDONTWRITEBYTECODE=1 exec {python} -m osvc_ha.cli "$@"\n',
        "remote": REMOTE,
        "furnish": FURNISH,
        "global_common.conf": _common(handlers, fencing),
        f"{RESOURCE}.res": _resource(dict(list(known.items())[:2])),
    }


def _common(handlers: Mapping[str, str], fencing: str) -> str:
    lines = "".join(f'    {event} "{command}";\n' for event, command in handlers.items())
    return (
        "global { usage-count no; }\ncommon {\n"
        f"  handlers {{\n{lines}  }}\n"
        f"  disk {{ fencing {fencing}; c-min-rate 0; resync-rate 100M; c-plan-ahead 0; }}\n"
        "  net { protocol C; timeout 15; ping-int 1; ping-timeout 5; connect-int 1; verify-alg crc32c;\n"
        "        after-sb-0pri disconnect; after-sb-1pri disconnect; after-sb-2pri disconnect; }\n}\n"
    )


def _resource(pair: Mapping[str, str]) -> str:
    hosts = "".join(f"  on {node} {{ address {address}:{PORT}; }}\n" for node, address in pair.items())
    return f"resource {RESOURCE} {{\n  device /dev/drbd0; disk /dev/ubda; meta-disk internal;\n{hosts}}}\n"
