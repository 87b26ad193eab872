"""How the bot gets at Telegram: addresses and time-outs."""

from functools import cache
from ipaddress import ip_address

import httpx
from telegram.request import HTTPXRequest

from domain.errors import TelegramError

#: Seconds. Connections that nobody takes up are given up early, so that a dead route costs little of a
#: notification's minute; an answer may take longer where Telegram is busy.
_CONNECT_S, _WRITE_S, _READ_S, _POOL_S = 5.0, 5.0, 10.0, 5.0


def base_url(api_url: str) -> str:
    """What stands before the token in each call's address."""
    return f"{api_url.rstrip('/')}/bot"


def base_file_url(api_url: str) -> str:
    """What stands before the token in each file's address."""
    return f"{api_url.rstrip('/')}/file/bot"


def request(api_url: str, *, connections: int = 1, kind: type[HTTPXRequest] = HTTPXRequest) -> HTTPXRequest:
    """The library's way to make requests, so many of them at the same moment.

    Raises TelegramError for an address that is none.
    """
    return kind(
        connection_pool_size=connections,
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        write_timeout=_WRITE_S,
        media_write_timeout=_READ_S,
        pool_timeout=_POOL_S,
        # A proxy named by the environment is for what lies beyond this machine.
        httpx_kwargs={"verify": _tls(), "trust_env": not _is_here(api_url)},
    )


#: Reading the authorities' certificates takes 0.1 s.
_tls = cache(httpx.create_ssl_context)


def _is_here(api_url: str) -> bool:
    try:
        url = httpx.URL(api_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise TelegramError(f"telegram.api_url {api_url!r}: expected an address such as https://api.telegram.org")
    try:
        return ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"
