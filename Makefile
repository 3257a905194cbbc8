# demo   three nodes on loopback follow placement changes and faults, with the figures
# demo-drbd  a volume that is moved, loses its node and is cut off, on real DRBD between User-Mode-Linux nodes
# test   every rung of the test ladder that can run here; the last lines say which could not
# test-agent  the rung on real OpenSVC agents alone: OSVC2_AGENT=<checkout of 2.1> OSVC3_OM=<om of 3> make test-agent, as root
# lint   ruff and mypy --strict
# bench  the figures of docs/, and build/bench.json
#
# Each target makes what it needs: the virtualenv, and Debian's packages when root.

PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV := .venv
SERVERS := redis-server redis-sentinel haproxy postgresql podman runc busybox-static iproute2 \
	knot knot-dnsutils bind9 bind9-dnsutils \
	user-mode-linux drbd-utils kmod e2fsprogs xfsprogs \
	glusterfs-server glusterfs-client ceph-mon ceph-mgr ceph-osd ceph-mds ceph-fuse ceph-common

# The stamp carries the tree's path: a virtualenv that was copied along with its tree
# still runs the code of the old one.
STAMP := $(VENV)/made-in$(subst /,-,$(CURDIR))

.DEFAULT_GOAL := test
.PHONY: demo demo-drbd test test-agent lint bench servers

demo: $(STAMP) servers
	@$(VENV)/bin/osvc-ha demo

demo-drbd: $(STAMP) servers
	@$(VENV)/bin/osvc-ha demo --drbd

test: $(STAMP) servers
	@.ci/rungs $(VENV)/bin/python -m pytest

test-agent: $(STAMP) servers
	$(VENV)/bin/python -m pytest -m agent tests/lab/agents tests/lab/drbd/test_agents.py

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(STAMP) servers
	$(VENV)/bin/python tests/bench/run.py

servers:
	@.ci/packages $(SERVERS)

$(STAMP): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/packages python3-venv
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@
