"""Imported by every Python process that tests start: keeps it off the network."""

from network_fence import raise_fence

raise_fence()
