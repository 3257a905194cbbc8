"""A stand-in for Cloudflare's API: stateful, real HTTP on loopback, and as strict as the original is documented to be.

    with Double() as double:
        zone = double.add_zone("example.com", plan="free")
        token = double.add_token()
        client = cloudflare.Cloudflare(api_token=token.secret, base_url=double.url)

Sources: developers.cloudflare.com/api (shapes, batch order and atomicity, "returns the first error it encountered"),
/dns/manage-dns-records/how-to/batch-record-changes (200 changes on free, 3,500 on paid plans),
/dns/manage-dns-records/reference/{ttl,record-attributes}, /fundamentals/api/reference/limits (1,200 calls in five minutes,
then five minutes of 429; the Ratelimit, Ratelimit-Policy and Retry-After headers). Cloudflare publishes no list of its
error codes: those here were seen in public bug reports; where not even that, a comment says "not documented".
"""

from .balancers import Balancers
from .double import Double
from .faults import Fault
from .tokens import ALL_RIGHTS, Token
from .zone import Zone

__all__ = ["ALL_RIGHTS", "Balancers", "Double", "Fault", "Token", "Zone"]
