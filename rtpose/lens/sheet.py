"""A board on a page to print: PNG or PDF."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

from rtpose.errors import OutputError
from rtpose.lens.boards import Board, Grey

DPI = 300
_MARGIN_M = 0.012
_A4_M = (0.210, 0.297)
_M_PER_INCH = 0.0254
_CAPTION_PX = 40


def write_board(path: Path, board: Board, caption: str, *, name: str) -> tuple[float, float]:
    """Write a page with the board in its middle and a line of text below it.

    path: where to write. name: the output's final name, whose ending selects .png or .pdf. The page is A4, upright or
    on its side, or as large as the board needs. Returns its (width, height) in metres.
    Errors: `OutputError` for another ending, `OSError`.
    """
    kind = Path(name).suffix.lower()
    if kind not in (".png", ".pdf"):
        raise OutputError(f"{name}: a board is written as .png or .pdf: change the name's ending")
    size_m = _page(board.size_m)
    page = _draw(board, size_m, caption)
    path.write_bytes(_png(page) if kind == ".png" else _pdf(page, size_m))
    return size_m


def _page(board_m: tuple[float, float]) -> tuple[float, float]:
    needed = board_m[0] + 2 * _MARGIN_M, board_m[1] + 2 * _MARGIN_M
    for width, height in (_A4_M, _A4_M[::-1]):
        if needed[0] <= width and needed[1] <= height:
            return width, height
    return needed


def _draw(board: Board, size_m: tuple[float, float], caption: str) -> Grey:
    px_per_m = DPI / _M_PER_INCH
    width, height = (round(side * px_per_m) for side in size_m)
    page = np.full((height, width), 255, np.uint8)
    drawn = board.draw(px_per_m)
    top, left = (height - drawn.shape[0]) // 2, (width - drawn.shape[1]) // 2
    page[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    below = top + drawn.shape[0] + 2 * _CAPTION_PX
    cv2.putText(
        page, caption, (left, min(below, height - _CAPTION_PX)), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 90, 2, cv2.LINE_AA
    )
    return page


def _png(page: Grey) -> bytes:
    good, data = cv2.imencode(".png", page)
    assert good
    return bytes(data.tobytes())


def _pdf(page: Grey, size_m: tuple[float, float]) -> bytes:
    """One page with one picture over all of it (ISO 32000-1, 7.5 and 8.9)."""
    width, height = (side / _M_PER_INCH * 72 for side in size_m)
    pixels = zlib.compress(page.tobytes(), 9)
    drawing = f"{width:.3f} 0 0 {height:.3f} 0 0 cm /Board Do".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.3f} {height:.3f}] /Contents 4 0 R "
        "/Resources << /XObject << /Board 5 0 R >> >> >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
        f"<< /Type /XObject /Subtype /Image /Width {page.shape[1]} /Height {page.shape[0]} /ColorSpace /DeviceGray "
        f"/BitsPerComponent 8 /Filter /FlateDecode /Length {len(pixels)} >>\nstream\n".encode()
        + pixels
        + b"\nendstream",
    ]
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
