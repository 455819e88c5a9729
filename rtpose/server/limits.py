"""Limits that keep one client from harming the server or the other clients.

Other modules read them as `limits.NAME`, so that tests can change them.
"""

from __future__ import annotations

MAX_CLIENTS = 256
MAX_IN_FLIGHT = 4
"""Unacknowledged poses per source, for a client that acknowledges them."""
ACK_TIMEOUT_S = 2.0
"""A client that stops acknowledging (a hidden tab) gets one pose per this time."""
MAX_FRAMES_PER_S = 500
"""WebSocket frames from one client, including pings and fragments."""
MAX_FRAGMENTS = 64
"""Fragments of one message."""
SEND_BUFFER_BYTES = 256 * 1024
"""Requested from the system for each connection. Small, because data waiting there is outdated when it arrives."""
RECEIVE_BYTES = 8 * 1024
"""Receive buffer of each connection."""
MAX_UNSENT_BYTES = 4 * 1024 * 1024
"""A connection with more unsent data is aborted."""
STALL_TIMEOUT_S = 20.0
"""A client that reads nothing for this long is disconnected."""
REQUEST_TIMEOUT_S = 10.0
"""From the TCP connection to a request that is allowed, including the TLS handshake."""
MAX_STRANGERS = 256
"""Connections without an allowed request. For a new one, the oldest of the busiest address is closed."""
MAX_STRANGERS_PER_ADDRESS = 64
"""For a new one, the oldest of the address is closed."""
MAX_VIDEO_BYTES = 1024 * 1024 * 1024
"""Of a video that a page uploads."""
MAX_CHUNK_BYTES = 1024 * 1024
"""Of its messages."""
RECORD_PAUSE_S = 1.0
"""Pages can start or stop recordings once in this time."""
REPORT_PAUSE_S = 60.0
"""The limit of open files is reported once in this time."""
CLOSE_TIMEOUT_S = 1.0
CAMERA_SILENCE_S = 5.0
"""A page that sends no picture for this long is no longer the camera: a phone that loses the network does not close."""
CHUNK_BYTES = 64 * 1024
"""Read and sent at a time in HTTP responses."""
