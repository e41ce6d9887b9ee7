"""No connection leaves this machine: what would reach further fails at once, and says so."""

import ipaddress
import socket
from typing import Any


class NetworkUsedError(OSError):
    """A test tried to reach another machine."""


def _is_here(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(str(name).split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_beyond_here(address: Any) -> None:
    if isinstance(address, tuple) and not _is_here(address[0]):
        raise NetworkUsedError(f"tests stay on this machine, and this went to {address[0]}")


def raise_fence() -> None:
    """Let sockets connect to this machine alone, and look up no other names."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    look_up = socket.getaddrinfo

    def fenced_connect(self: socket.socket, address: Any) -> None:
        _refuse_beyond_here(address)
        return connect(self, address)

    def fenced_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_beyond_here(address)
        return connect_ex(self, address)

    def fenced_look_up(host: Any, *args: Any, **options: Any) -> Any:
        if not _is_here(host):
            raise socket.gaierror(socket.EAI_NONAME, f"tests look up no names, and this was {host}")
        return look_up(host, *args, **options)

    socket.socket.connect = fenced_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = fenced_connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = fenced_look_up
