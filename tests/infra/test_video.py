from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from infra.errors import DamagedVideoError
from infra.video import FrameEncoder, VideoReader, encode_video
from tests.recordings import make_recording

FPS = 16.0


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return make_recording(frames=70).rgb


@pytest.fixture(scope="module")
def video(pictures: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "walk.mp4"
    encode_video(path, pictures, FPS)
    return path


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_every_frame_comes_back_in_its_place(video: Path, pictures: NDArray[np.uint8]) -> None:
    reader = VideoReader(video)
    assert (len(reader), reader.width, reader.height, reader.fps) == (70, 96, 64, FPS)
    decoded = reader.decode_range(0, 70)
    assert decoded.shape == pictures.shape
    for number in range(70):
        own = psnr(decoded[number], pictures[number])
        assert own > 27
        assert own > psnr(decoded[number], pictures[number - 1]) + 3


def test_colours_come_back_without_a_cast(tmp_path: Path) -> None:
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (255, 255, 255), (0, 0, 0), (128, 128, 128)]
    frames = np.stack([np.full((32, 32, 3), colour, np.uint8) for colour in colours])
    encode_video(tmp_path / "c.mp4", frames, FPS)
    decoded = VideoReader(tmp_path / "c.mp4").decode_range(0, 6)
    assert np.abs(decoded.astype(int) - frames).max() <= 4


def test_the_file_is_tagged_and_seekable_as_browsers_and_training_expect(video: Path) -> None:
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
        frames = list(container.decode(stream))
    assert [number for number, frame in enumerate(frames) if frame.key_frame] == [0, 16, 32, 48, 64]
    assert all(int(frame.pict_type) != 3 for frame in frames)  # 3 is a B frame
    assert [round(float(frame.time) * FPS, 6) for frame in frames] == list(range(70))


def test_the_same_frames_give_the_same_bytes(video: Path, pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    encode_video(tmp_path / "again.mp4", iter(pictures), FPS)
    assert (tmp_path / "again.mp4").read_bytes() == video.read_bytes()


def test_frames_written_one_by_one_give_the_same_bytes(video: Path, pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    with FrameEncoder(tmp_path / "streamed.mp4", FPS) as encoder:
        for picture in pictures:
            encoder.add(picture)
    assert (tmp_path / "streamed.mp4").read_bytes() == video.read_bytes()
    with pytest.raises(RuntimeError), FrameEncoder(tmp_path / "given_up.mp4", FPS) as encoder:
        encoder.add(pictures[0])
        raise RuntimeError
    assert not (tmp_path / "given_up.mp4").exists()


@pytest.mark.slow
def test_a_hundred_videos_beside_busy_neighbours_have_the_same_bytes(tmp_path: Path, pictures: NDArray[np.uint8]) -> None:
    with ThreadPoolExecutor(4) as threads:  # more than there are cores, and the interpreter's lock changes hands
        encoded = threads.map(lambda number: encode_video(tmp_path / f"{number}.mp4", pictures, FPS), range(100))
        assert len(list(encoded)) == 100
    assert len({(tmp_path / f"{number}.mp4").read_bytes() for number in range(100)}) == 1


@pytest.mark.parametrize("fps", [16.0, 17.5, 25.0, 30000 / 1001])
def test_lossless_video_keeps_every_bit_at_any_rate(tmp_path: Path, pictures: NDArray[np.uint8], fps: float) -> None:
    path = tmp_path / "exact.mp4"
    encode_video(path, pictures[:40, :33, :51], fps, lossless=True)
    reader = VideoReader(path)
    assert reader.fps == pytest.approx(fps)
    assert (reader.decode([39, 0, 17]) == pictures[[39, 0, 17], :33, :51]).all()


@given(data=st.data())
@settings(max_examples=10)
def test_any_order_of_reads_gives_what_reading_through_gives(video: Path, data: st.DataObject) -> None:
    whole = VideoReader(video).decode_range(0, 70)
    reader = VideoReader(video)
    for _ in range(3):
        start = data.draw(st.integers(0, 70))
        stop = data.draw(st.integers(start, 70))
        assert (reader.decode_range(start, stop) == whole[start:stop]).all()
        indices = data.draw(st.lists(st.integers(0, 69), max_size=6))
        assert (reader.decode(indices) == whole[indices]).all()


@pytest.mark.parametrize("frames", [(-1, 3), (60, 71), (5, 4)])
def test_frames_outside_the_video_are_refused(video: Path, frames: tuple[int, int]) -> None:
    with pytest.raises(IndexError, match=r"walk\.mp4: frames .* are not within 0:70"):
        VideoReader(video).decode_range(*frames)
    with pytest.raises(IndexError, match="frame 70 is not within"):
        VideoReader(video).decode([3, 70])


def test_the_end_of_a_file_is_held_to_what_is_expected(video: Path, tmp_path: Path) -> None:
    VideoReader(video).check_end(70)
    with pytest.raises(DamagedVideoError, match="70 frames, expected 69"):
        VideoReader(video).check_end(69)
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:-2000])
    with pytest.raises(DamagedVideoError, match="cut"):
        VideoReader(tmp_path / "cut.mp4").check_end(70)


def test_the_count_is_held_to_what_is_expected(video: Path) -> None:
    VideoReader(video).check_count(70)
    with pytest.raises(DamagedVideoError, match="70 frames, expected 69"):
        VideoReader(video).check_count(69)


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.95])
def test_a_truncated_video_is_named(video: Path, tmp_path: Path, kept: float) -> None:
    data = video.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DamagedVideoError, match=r"cut\.mp4 is damaged.*record it again"):
        VideoReader(cut).check_count(70)


def test_an_absent_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedVideoError, match=r"gone\.mp4"):
        VideoReader(tmp_path / "gone.mp4")


def test_what_cannot_be_a_video_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    path, picture = tmp_path / "bad.mp4", np.zeros((32, 32, 3), np.uint8)
    for frames, reason in (
        ([], "at least one frame"),
        ([picture[:31]], "odd"),
        ([picture, picture[:16]], "frame 1 is"),
    ):
        with pytest.raises(ValueError, match=reason):
            encode_video(path, frames, FPS)
        assert not path.exists()
