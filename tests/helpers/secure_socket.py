"""A WebSocket over TLS, for one message."""

import asyncio
import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from websockets.asyncio.client import connect


def first_message(url: str, trusting: ssl.SSLContext) -> dict[str, Any]:
    """What the server says first.

    Not with websockets' blocking client: one thread of it reads while another writes, and before Python 3.13 that loses
    bytes of TLS now and then.
    """

    async def ask() -> Any:
        async with connect(url, ssl=trusting, open_timeout=60, close_timeout=2) as ws:
            return json.loads(await asyncio.wait_for(ws.recv(), 30))

    with ThreadPoolExecutor(1) as thread:  # the browser's tests have a running loop in theirs
        message: dict[str, Any] = thread.submit(asyncio.run, ask()).result()
    return message
