"""Fetching one file from the web."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rtpose import __version__

TIMEOUT_S = 30.0
"""Longest wait for the next byte."""
_PIECE = 1 << 16


def fetch_http(url: str, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> Path:
    """The file behind `url`, in `folder`, under its own name.

    progress: called with (bytes so far, bytes expected; 0 where the server does not say).
    Errors: `OSError` with a reason in words: no connection, no such file, an interrupted download, a full disk.
    """
    target = folder / url.rpartition("/")[2]
    request = Request(url, headers={"User-Agent": f"rtpose/{__version__}"})
    done = 0
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer, target.open("wb") as out:
            total = int(answer.headers.get("Content-Length") or 0)
            while piece := answer.read(_PIECE):
                out.write(piece)
                done += len(piece)
                progress(done, total)
    except HTTPError as error:
        raise OSError(f"the server answered {error.code} {error.reason}") from error
    except URLError as error:
        reason = error.reason
        raise OSError(reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)) from error
    except ValueError as error:  # an unusable proxy or length
        raise OSError(str(error)) from error
    except http.client.HTTPException as error:
        raise OSError(f"the connection was interrupted: {error!r}") from error
    if total and done < total:
        raise OSError(f"the connection was interrupted after {done} of {total} bytes")
    return target
