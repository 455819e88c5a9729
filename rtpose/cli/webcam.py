"""`rtpose webcam`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtpose.cli.live_recording import LiveRecording
from rtpose.cli.options import (
    DEFAULT_PORT,
    Browser,
    Fps,
    Host,
    Overwrite,
    Port,
    Private,
    RunOptions,
    Send,
    Tls,
    TlsCert,
    TlsKey,
    Token,
    Viewer,
    ViewerOption,
    with_option_groups,
)
from rtpose.cli.terminal import StatusLine, exit_if_outputs_failed, https, open_page, say, summary_line, warn
from rtpose.errors import ConfigError, InputError

if TYPE_CHECKING:
    from rtpose.pipeline import Summary
    from rtpose.types import FrameSource


@with_option_groups
def webcam(
    *,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            help="Camera number, a device such as /dev/video2, a stream URL, or browser: the camera of a page, "
            "also on a phone. Repeatable.",
            show_default="0",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Also write the poses: .rtpose (survives a crash) or .npz; several cameras write NAME-0, NAME-1 …"
        ),
    ] = None,
    record_video: Annotated[
        Path | None, typer.Option(help="Also write the camera's video, on the same clock: .mp4, .mkv or .mov.")
    ] = None,
    record_folder: Annotated[Path, typer.Option(help="Folder for recordings started on the page.")] = Path("."),
    fps: Fps = None,
    overwrite: Overwrite = False,
    send: Send = None,
    run: RunOptions,
    viewer: ViewerOption = Viewer.BROWSER,
    port: Port = DEFAULT_PORT,
    host: Host = "127.0.0.1",
    token: Token = None,
    private: Private = False,
    tls: Tls = False,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    browser: Browser = True,
) -> None:
    """Show the camera's poses live, in the browser or in a window."""
    from rtpose.board import SourceBoard
    from rtpose.capture import open_source
    from rtpose.capture.page_source import PageSource
    from rtpose.outputs.send import open_streams
    from rtpose.session import Session, check_all, run_together

    settings = run.settings()
    cameras = camera or ["0"]
    if twice := {name for name in cameras if cameras.count(name) > 1}:
        raise ConfigError(f"--camera {twice.pop()} is given twice: each camera is one source")
    count = len(cameras)
    if viewer == Viewer.OPEN3D and (count > 1 or "browser" in cameras):
        raise ConfigError("a window shows one camera of this machine: leave out --viewer open3d, the page shows all")
    line = StatusLine()
    recording = LiveRecording(
        record, record_video, record_folder, sources=count, overwrite=overwrite, on_notice=line.warn
    )
    feed = PageSource(open_source) if "browser" in cameras else None
    names = ", ".join(map(shown, cameras))
    with ExitStack() as stack:
        stack.callback(recording.close)
        streams = stack.enter_context(open_streams(send or (), warn, sources=count))
        session = Session(settings, sources=count, live=True, on_notice=line.warn)
        server, window = None, None
        if viewer == Viewer.OPEN3D:
            from rtpose.outputs.open3d_window import Open3DWindow

            window = stack.enter_context(Open3DWindow(f"rtpose: {names}"))
        else:
            server = stack.enter_context(
                session.serve(
                    source=names, port=port, host=host, token=token, private=private,
                    on_record=recording.switch, changeable=True, camera=feed, video=feed,
                    tls=https(tls, tls_cert, tls_key),
                )
            )  # fmt: skip
            recording.show_on(server)
        sources: list[FrameSource] = []
        for name in cameras:
            sources.append(feed if feed is not None and name == "browser" else open_live(name, fps))
            stack.callback(sources[-1].close)  # if the next cannot be opened
        if server is not None:
            open_page(server, browser)
            if feed is not None and not server.url_is_secure:
                warn(
                    "warning: browsers share a camera only with https pages and with pages on the same machine: for "
                    "a phone add --tls"
                )
        stack.enter_context(line)
        board = SourceBoard([source.info for source in sources], server, line.warn)

        def play(number: int) -> Summary:
            return session.run(
                sources[number], server=server, window=window, recorders=recording.sinks[number],
                streams=streams[number], meta=recording.metas[number], on_result=line.result, board=board,
                number=number,
            )  # fmt: skip

        runs = [partial(play, number) for number in range(count)]
        # A window is drawn in the main thread.
        summaries = [runs[0]()] if window else check_all(run_together(runs, board, session.stop), line.warn)
    for source, summary, file in zip(sources, summaries, recording.files, strict=True):
        say((f"{source.info.name}: " if count > 1 else "") + summary_line(summary, file))
    exit_if_outputs_failed(*summaries)


def shown(camera: str) -> str:
    """A `--camera` value with any password removed."""
    from rtpose.capture.streams import without_password

    return without_password(camera) if "://" in camera else camera


def open_live(camera: str, fps: float | None = None) -> FrameSource:
    """A camera of this machine or a stream. fps: the rate to ask of the camera, or of a recording behind a URL that
    has no times. Errors: `InputError`."""
    from rtpose.capture import open_camera, open_source

    if "://" in camera:
        return open_source(camera, fps=fps)
    if Path(camera).is_file():
        raise InputError(f"{camera} is a file, not a camera: rtpose video {camera}")
    return open_camera(int(camera) if camera.isdigit() else camera, fps=fps)
