"""Failover drills, measured: real servers, load from the outside, a ledger of every operation."""
