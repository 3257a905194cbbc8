"""Redis' replies, and the first configurations."""

from osvc_ha.systems.redis.config import parse
from osvc_ha.systems.redis.state import Health
from osvc_ha.systems.redis.state.firstconfig import quoted, render_sentinel, render_server
from osvc_ha.systems.redis.state.replies import Names, parse_info, parse_sentinel, parse_server

NAMES = Names({"10.0.0.1": "n1", "redis-2.example": "n2", "10.0.0.2": "n2", "10.0.0.3": "n3"}, 6379, 26379)
INFO = """# Server\r\nprocess_id:77\r\nuptime_in_seconds:12\r\n# Replication\r\nrole:master\r\nconnected_slaves:3\r
slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0\r\nslave1:ip=10.0.0.3,port=6379,state=online,offset=1,lag=9\r
slave2:ip=10.0.0.4,port=6379,state=wait_bgsave,offset=0,lag=0\r\nmaster_repl_offset:500\r\n# Keyspace\r
db0:keys=3,expires=0,avg_ttl=0\r\ndb4:keys=4,expires=0,avg_ttl=0\r\n"""


def test_a_master_counts_its_good_replicas_and_all_its_keys():
    """A replica that is still syncing or too far behind does not count; every database does."""
    server = parse_server("n1", parse_info(INFO), {"min-replicas-max-lag": "3"}, False, NAMES)
    assert (server.role, server.good, server.keys, server.offset, server.pid) == ("master", 1, 7, 500, 77)


def test_r6_a_host_name_and_its_address_are_the_same_node():
    """Sentinel says the one, the configuration the other, in another case or with a dot at its end."""
    assert NAMES.server("Redis-2.Example.", "6379") == NAMES.server("10.0.0.2", "6379") == "n2"


def test_r13_a_node_at_another_port_is_a_stranger():
    """Another group's server on our own node is not ours."""
    assert NAMES.server("10.0.0.2", "6380") == "10.0.0.2:6380"


def test_a_loading_server_is_told_apart():
    """It answers INFO, but does not have its data yet."""
    assert parse_server("n1", {"loading": "1", "role": "slave"}, {}, False, NAMES).health is Health.LOADING


def test_a_sentinel_that_fails_over_deposes_the_one_it_still_names():
    """Until +promoted-slave the leader names the old master; afterwards the new one, while its MASTER reply still shows the old."""
    master = ["name", "grp", "ip", "10.0.0.1", "port", "6379", "flags", "master,o_down,failover_in_progress", "config-epoch", "3"]
    before = parse_sentinel("n3", master, ["10.0.0.1", "6379"], [], [], NAMES)
    after = parse_sentinel("n3", master, ["10.0.0.2", "6379"], [], [], NAMES)
    assert (before.master, before.deposing) == ("n1", True)
    assert (after.master, after.deposing, after.epoch) == ("n2", False, 3)


def test_r4_host_names_are_announced_on_both_sides_or_not_at_all():
    """A Sentinel on a host name resolves and announces names; one on an address does neither."""
    config = parse({"path": "prod/svc/grp"})
    assert "sentinel announce-hostnames yes\n" in render_sentinel(config, "redis-2.example", "/d", "")
    assert "hostnames" not in render_sentinel(config, "10.0.0.2", "/d", "")


def test_r21_the_announced_address_is_always_set():
    """Without it replicas on one machine look like one, and the group is never ready."""
    config = parse({"path": "prod/svc/grp"})
    text = render_server(config, "127.0.9.1", "/d", "", (("replica-announce-ip", "127.0.9.1"),))
    assert "replica-announce-ip 127.0.9.1\n" in text and "replica-announce-port 6379\n" in text
    assert "sentinel announce-ip 127.0.9.1\n" in render_sentinel(config, "127.0.9.1", "/d", "")


def test_a_password_cannot_end_its_line():
    """Quotes, backslashes and newlines are written as escapes."""
    assert quoted('a"\n\\') == '"a\\x22\\x0a\\x5c"'
