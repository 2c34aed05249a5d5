"""Video files by frame number. The only file that knows PyAV.

Frame i has the timestamp i / fps, every second starts with a key frame and no frame looks ahead, so that any frame
can be decoded from the key frame before it.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from infra.errors import DamagedVideoError, naming_full_disk

_BT709: Final = 1  # code of the standard in every colour tag of the bitstream
_TO_YUV: Final = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP | Interpolation.BITEXACT
_TO_RGB: Final = _TO_YUV | Interpolation.ACCURATE_RND  # else it rounds down: a level darker, 3 dB less; to YUV it does not

PixelFormat = Literal["rgb24", "gray16le"]


@dataclass(frozen=True, kw_only=True)
class _Codec:
    """How frames become a file; ``options`` are the encoder's own."""

    encoder: str
    container: str
    array_format: PixelFormat
    stored_format: str
    options: dict[str, str]

    @property
    def is_lossy(self) -> bool:
        return self.stored_format == "yuv420p"


_H264: Final = _Codec(
    encoder="libx264",
    container="mp4",
    array_format="rgb24",
    stored_format="yuv420p",
    # Constant quantisers, nothing looked ahead: no rate control in floating point decides what a frame is coded with.
    # Against preset veryfast: half the time to encode, three quarters to decode, a fifth more bytes, 0.1 dB less.
    options={"preset": "superfast", "tune": "fastdecode", "qp": "18", "rc-lookahead": "0", "mbtree": "0"},
)
_H264_EXACT: Final = _Codec(
    encoder="libx264rgb",
    container="mp4",
    array_format="rgb24",
    stored_format="rgb24",
    options={"preset": "veryfast", "qp": "0"},
)
_FFV1: Final = _Codec(
    encoder="ffv1",
    container="matroska",
    array_format="gray16le",
    stored_format="gray16le",
    options={"level": "3", "coder": "range_def", "context": "0", "slices": "4", "slicecrc": "1"},
)


def encode_video(path: Path, frames: Iterable[NDArray[np.uint8]], fps: float, lossless: bool = False, *, qp: int = 18) -> None:
    """Write H.264 in MP4 from uint8 frames (H, W, 3); the same frames give the same bytes.

    Args:
        path: written whole; left absent on failure.
        frames: of one size, at least one.
        fps: frames a second.
        lossless: keep every bit (RGB H.264, which browsers do not play).
        qp: x264's quantiser, smaller is better; above 18 is for people to look at, not to train on.

    Raises:
        ValueError: no frames, sizes differ, or a size is odd (4:2:0 needs even ones).
        StoreFullError: the disk is full.
    """
    lossy = replace(_H264, options=_H264.options | {"qp": str(qp)})
    _encode(path, frames, fps, _H264_EXACT if lossless else lossy)


def encode_grey16(path: Path, frames: Iterable[NDArray[np.uint16]], fps: float) -> None:
    """Write uint16 frames (H, W) without loss, FFV1 in Matroska. Raises as ``encode_video``."""
    _encode(path, frames, fps, _FFV1)


def _encode(path: Path, frames: Iterable[NDArray[Any]], fps: float, codec: _Codec) -> None:
    with FrameEncoder(path, fps, codec) as encoder:
        for frame in frames:
            encoder.add(frame)


class FrameEncoder:
    """Writes a video frame by frame. Leaving the ``with`` block finishes the file, leaving it by an error removes it.

    Raises (from every method) as ``encode_video``.
    """

    def __init__(self, path: Path, fps: float, codec: _Codec = _H264) -> None:
        self.path, self.count = path, 0
        self._codec, self._rate = codec, Fraction(fps).limit_denominator(1001)
        self._reformatter = VideoReformatter()  # kept: a new one for each frame costs as much as its work
        self._container: Any = None
        self._stream: av.VideoStream

    def __enter__(self) -> "FrameEncoder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()

    def add(self, array: NDArray[Any]) -> None:
        """Encode the next frame."""
        with self._removing_on_failure():
            if self._container is None:
                self._open(array)
            elif array.shape != self._shape or array.dtype != self._dtype:
                found, wanted = f"{array.dtype} {array.shape}", f"{self._dtype} {self._shape}"
                raise ValueError(f"{self.path.name}: frame {self.count} is {found}, frame 0 was {wanted}")
            frame = self._to_stored(array)
            frame.pts, frame.time_base = self.count, 1 / self._rate
            self._container.mux(self._stream.encode(frame))
            self.count += 1

    def finish(self) -> None:
        """Write what is left and close the file."""
        if self._container is None:
            raise ValueError(f"{self.path.name}: a video needs at least one frame")
        with self._removing_on_failure():
            self._container.mux(self._stream.encode(None))
            self._container.close()

    def abandon(self) -> None:
        """Close and remove what was written."""
        if self._container is not None:
            with contextlib.suppress(av.FFmpegError, OSError, ValueError):  # the first failure is the one to tell
                self._container.close()
        self.path.unlink(missing_ok=True)

    def _open(self, first: NDArray[Any]) -> None:
        codec, rate = self._codec, self._rate
        self._shape, self._dtype = first.shape, first.dtype
        height, width = first.shape[:2]
        if codec.is_lossy and (height % 2 or width % 2):
            raise ValueError(f"{self.path.name}: size {width}x{height} is odd; use even sizes or lossless video")
        options = {"movflags": "+faststart"} if codec.container == "mp4" else {}
        self._container = av.open(str(self.path), "w", format=codec.container, options={"fflags": "+bitexact", **options})
        added = self._container.add_stream(codec.encoder, rate=rate, options=_encoder_options(codec, rate))
        self._stream = stream = cast(av.VideoStream, added)
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = width, height, codec.stored_format
        stream.time_base = context.time_base = 1 / rate
        context.thread_count = 1  # with more, the bytes depend on the machine
        context.gop_size = 1 if codec.encoder == "ffv1" else max(1, round(rate))
        if codec.is_lossy:
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = ColorRange.MPEG

    def _to_stored(self, array: NDArray[Any]) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=self._codec.array_format)
        if not self._codec.is_lossy:
            return frame
        frame = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=_TO_YUV,
            threads=1,  # the default starts threads for every frame
        )
        frame.colorspace = frame.color_primaries = frame.color_trc = _BT709
        frame.color_range = ColorRange.MPEG
        return frame

    @contextlib.contextmanager
    def _removing_on_failure(self) -> Iterator[None]:
        try:
            with naming_full_disk(self.path.parent):
                yield
        except BaseException:
            self.abandon()
            raise


class Grey16Encoder(FrameEncoder):
    """Writes uint16 frames (H, W) without loss."""

    def __init__(self, path: Path, fps: float) -> None:
        super().__init__(path, fps, _FFV1)


def _encoder_options(codec: _Codec, rate: Fraction) -> dict[str, str]:
    if codec.encoder == "ffv1":
        return codec.options
    gop = str(max(1, round(rate)))
    return {**codec.options, "bf": "0", "g": gop, "keyint_min": gop, "sc_threshold": "0", "flags": "+cgop+bitexact"}


class VideoReader:
    """Decodes frames by number; keeps its place, so that reading on does not start over.

    Raises (from every method):
        DamagedVideoError: names the file, which cannot be decoded or ends too early.
        IndexError: a frame number outside the video.
    """

    def __init__(self, path: Path, *, pixel_format: PixelFormat = "rgb24", threads: int = 1) -> None:
        self.path = path
        self._format = pixel_format
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.video[0]
            self._stream.codec_context.thread_count = threads
            self.fps = float(self._stream.average_rate or 0)
            self._count = self._stream.frames or self._count_packets()
        except (av.FFmpegError, IndexError, OSError) as error:
            raise self._damaged(str(error)) from error
        if not self.fps or not self._count:
            raise self._damaged("it holds no frames")
        self.width, self.height = self._stream.width, self._stream.height
        self._seconds_per_tick = float(self._stream.time_base or 0)
        self._decoder: Iterator[tuple[int, av.VideoFrame]] | None = None
        self._next = 0  # the frame that the decoder gives next
        self._reformatter = VideoReformatter()

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; without it the file closes with the object."""
        self._decoder = None
        self._container.close()

    def decode_range(self, start: int, stop: int) -> NDArray[Any]:
        """Decode frames ``start`` to ``stop`` (half open): uint8 (N, H, W, 3), or uint16 (N, H, W) for depth."""
        if not 0 <= start <= stop <= self._count:
            raise IndexError(f"{self.path.name}: frames {start}:{stop} are not within 0:{self._count}")
        out = self._empty(stop - start)
        for index, array in self._decode_on(start, stop):
            out[index - start] = array
        return out

    def decode(self, indices: Sequence[int]) -> NDArray[Any]:
        """Decode the frames at ``indices`` in the order asked, each key frame's run at most once."""
        out = self._empty(len(indices))
        places: dict[int, list[int]] = {}
        for place, index in enumerate(indices):
            if not 0 <= index < self._count:
                raise IndexError(f"{self.path.name}: frame {index} is not within 0:{self._count}")
            places.setdefault(int(index), []).append(place)
        for index in sorted(places):
            for _, array in self._decode_on(index, index + 1):
                out[places[index]] = array
        return out

    def check_count(self, expected: int) -> None:
        """Decode everything and hold the count to ``expected``: what the header says proves nothing."""
        found = sum(1 for _ in self._decode_on(0, self._count, convert=False))
        if found != expected:
            raise self._damaged(f"it holds {found} frames, expected {expected}")

    def check_end(self, expected: int) -> None:
        """Count the packets and decode the last frame: what a file just written can lack. Much cheaper than ``check_count``."""
        try:
            self._container.seek(0, stream=self._stream)
            found = self._count_packets()
        except av.FFmpegError as error:
            raise self._damaged(str(error)) from error
        self._decoder = None
        if found != expected or self._count != expected:
            raise self._damaged(f"it holds {found} frames, expected {expected}")
        for _ in self._decode_on(expected - 1, expected, convert=False):
            pass

    def _empty(self, count: int) -> NDArray[Any]:
        if self._format == "rgb24":
            return np.empty((count, self.height, self.width, 3), np.uint8)
        return np.empty((count, self.height, self.width), np.uint16)

    def _decode_on(self, start: int, stop: int, convert: bool = True) -> Iterator[tuple[int, NDArray[Any] | None]]:
        """Yield frames ``start`` to ``stop``, seeking only when reading on would take longer."""
        if start == stop:
            return
        try:
            if self._decoder is None or not self._next <= start <= self._next + self.fps:
                self._seek(start)
            assert self._decoder is not None
            for index, frame in self._decoder:
                self._next = index + 1
                if index >= start:
                    if index != start:
                        raise self._damaged(f"frame {start} is absent")
                    yield index, self._to_array(frame) if convert else None
                    start += 1
                    if start == stop:
                        return
        except av.FFmpegError as error:
            self._decoder = None
            raise self._damaged(str(error)) from error
        self._decoder = None
        raise self._damaged(f"it ends before frame {start} of {self._count}")

    def _seek(self, index: int) -> None:
        ticks = int((index + 0.25) / self.fps / self._seconds_per_tick)  # a quarter frame on, against rounding
        self._container.seek(ticks, stream=self._stream, backward=True)
        self._decoder = self._numbered()

    def _numbered(self) -> Iterator[tuple[int, av.VideoFrame]]:
        for frame in self._container.decode(self._stream):
            if frame.pts is None:
                raise self._damaged("a frame has no timestamp")
            yield round(frame.pts * self._seconds_per_tick * self.fps), frame

    def _to_array(self, frame: av.VideoFrame) -> NDArray[Any]:
        if frame.format.name == "yuv420p":
            frame = self._reformatter.reformat(
                frame,
                format="rgb24",
                src_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.MPEG,
                dst_color_range=ColorRange.JPEG,
                interpolation=_TO_RGB,
                threads=1,
            )
            return frame.to_ndarray()
        return frame.to_ndarray(format=self._format)

    def _count_packets(self) -> int:
        """Count without decoding, for containers whose header holds no count."""
        count = sum(1 for packet in self._container.demux(self._stream) if packet.size)
        self._container.seek(0, stream=self._stream)
        return count

    def _damaged(self, what: str) -> DamagedVideoError:
        return DamagedVideoError(f"video {self.path.name} is damaged: {what}; delete the object and record it again")
