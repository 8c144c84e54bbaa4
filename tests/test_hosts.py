"""
Hosts that can be run here take what their preset writes: Blender, MLT's melt, mediainfo.

On Debian: apt-get install --no-install-recommends blender melt mediainfo. Each is skipped where it
is not installed. What is expected is computed by numpy from what was sent.
"""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio
import pytest
import vapoursynth as vs

from sghm_vs import export
from sghm_vs.hosts.presets import PRESETS
from sghm_vs.media.metadata import SourceMetadata
from sghm_vs.media.timecode import Timecode
from tests.clips import core, noise_clip, plane

WIDTH, HEIGHT, LENGTH = 320, 180, 3
RED = np.array([1.0, 0.0, 0.0])
WITHIN_S = 300
MLT_PROFILE = f"""description=test
frame_rate_num=25
frame_rate_den=1
width={WIDTH}
height={HEIGHT}
progressive=1
sample_aspect_num=1
sample_aspect_den=1
display_aspect_num=16
display_aspect_den=9
colorspace=709
"""


def needs(program: str) -> str:
    """Return where `program` is, or skip the test."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"needs {program}: apt-get install --no-install-recommends {program}")
    return found


@pytest.fixture(scope="module")
def shot() -> tuple[vs.VideoNode, vs.VideoNode]:
    """A disc with a soft edge that moves over noise."""
    clip = noise_clip(vs.RGB24, WIDTH, HEIGHT, LENGTH).std.AssumeFPS(fpsnum=25)
    blank = core.std.BlankClip(clip, format=vs.GRAYS)

    def draw(n, f):
        frame = f.copy()
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        soft = (70 - np.hypot(x - 160 - 20 * n, y - 90)) / 20
        np.copyto(np.asarray(frame[0]), np.clip(soft, 0, 1).astype(np.float32))
        return frame

    return clip, blank.std.ModifyFrame(blank, draw)


def over_red(rgb: np.ndarray, shot, n: int) -> np.ndarray:
    """Return straight color `rgb`, 0-1, over red by the alpha of frame `n`."""
    alpha = plane(shot[1].get_frame(n))[..., None]
    return rgb * alpha + RED * (1 - alpha)


def display(shot, n: int) -> np.ndarray:
    """Return frame `n` in display code, 0-1."""
    frame = shot[0].get_frame(n)
    return np.dstack([plane(frame, at) for at in range(3)]) / 255


def in_blender(path: Path, n: int, out: Path) -> tuple[np.ndarray, str]:
    """Return frame `n` of the file at `path` over red as Blender lays it, and its words."""
    words = [needs("blender"), "--background", "--factory-startup", "--python",
             str(Path(__file__).with_name("in_blender.py")), "--", str(path), str(n),
             str(WIDTH), str(HEIGHT), str(out)]  # fmt: skip
    run = subprocess.run(words, capture_output=True, text=True, check=True, timeout=WITHIN_S)
    return oiio.ImageBuf(str(out)).get_pixels(oiio.FLOAT)[..., :3], run.stdout


def test_blender_lays_its_exr_over_red_as_numpy_does(tmp_path, shot):
    export(*shot, tmp_path / "x.####.exr", **PRESETS["blender"].output_format)

    found, said = in_blender(tmp_path / "x.0001.exr", 1, tmp_path / "out.exr")

    code = display(shot, 1)
    linear = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    assert "alpha_mode PREMUL source FILE" in said
    # Half floats of premultiplied color: 2^-11 of it, and no more.
    assert np.abs(found - over_red(linear, shot, 1)).max() < 1 / 1000


def test_blenders_editor_lays_prores_over_red_as_numpy_does(tmp_path, shot):
    export(*shot, tmp_path / "x.mov", codec="prores4444", quality=1)

    found, said = in_blender(tmp_path / "x.mov", 1, tmp_path / "out.exr")

    # The picture was made in display code, and written as linear.
    coded = np.where(
        found <= 0.0031308, 12.92 * found, 1.055 * found.clip(1e-9) ** (1 / 2.4) - 0.055
    )
    error = np.abs(coded - over_red(display(shot, 1), shot, 1))
    assert "alpha_mode STRAIGHT" in said
    assert error.mean() < 1 / 255
    assert np.percentile(error, 99) < 4 / 255


def in_melt(path: Path, folder: Path) -> np.ndarray:
    """Return frame 1 of the movie at `path` over red, as MLT's `composite` lays it."""
    (folder / "profile").write_text(MLT_PROFILE)
    words = [needs("melt"), "-silent", "-profile", str(folder / "profile"), "color:0xff0000ff",
             "out=2", "-track", str(path), "-transition", "composite", "a_track=0", "b_track=1",
             "in=0", "out=2", "fill=1", "geometry=0/0:100%x100%:100", "-consumer",
             f"avformat:{folder / 'melt.avi'}", "vcodec=rawvideo", "pix_fmt=bgr24",
             "real_time=-1"]  # fmt: skip
    subprocess.run(words, capture_output=True, check=True, timeout=WITHIN_S)
    with av.open(str(folder / "melt.avi")) as movie:
        return list(movie.decode(video=0))[1].to_ndarray(format="rgb24") / 255


@pytest.mark.parametrize("host", ["kdenlive", "shotcut"])
def test_mlt_keeps_the_alpha_of_its_presets(tmp_path, shot, host):
    """Its own red comes out as 255, 24, 0: that is where the mean is from, whatever lies over it."""
    preset = PRESETS[host]
    export(*shot, tmp_path / f"x{preset.suffix}", **preset.output_format)

    found = in_melt(tmp_path / f"x{preset.suffix}", tmp_path)

    error = np.abs(found - over_red(display(shot, 1), shot, 1))
    alpha = plane(shot[1].get_frame(1))
    assert error.mean() < 9 / 255
    assert error[alpha == 1].mean() < 4 / 255


def test_mlt_7_12_loses_the_alpha_of_prores_which_is_why_its_presets_are_others(tmp_path, shot):
    melt = subprocess.run([needs("melt"), "--version"], capture_output=True, text=True, check=False)
    if "melt 7.12" not in melt.stdout + melt.stderr:
        pytest.skip("tells of melt 7.12")
    export(*shot, tmp_path / "x.mov", codec="prores4444")

    error = np.abs(in_melt(tmp_path / "x.mov", tmp_path) - over_red(display(shot, 1), shot, 1))

    assert error.mean() > 50 / 255


def test_mediainfo_sees_what_an_editor_asks_of_prores(tmp_path, shot):
    clip, alpha = (node.std.AssumeFPS(fpsnum=30000, fpsden=1001) for node in shot)
    origin = SourceMetadata(
        reel="A001", timecode=Timecode.parse("01:00:00;02", Fraction(30000, 1001))
    )
    export(clip, alpha, tmp_path / "x.mov", origin=origin)

    words = [needs("mediainfo"), "--Output=JSON", str(tmp_path / "x.mov")]
    run = subprocess.run(words, capture_output=True, text=True, check=True)

    tracks = {track["@type"]: track for track in json.loads(run.stdout)["media"]["track"]}
    video = tracks["Video"]
    assert (video["Format"], video["Format_Profile"]) == ("ProRes", "4444")
    assert (video["FrameRate_Num"], video["FrameRate_Den"]) == ("30000", "1001")
    assert (video["ColorSpace"], video["ChromaSubsampling"]) == ("YUVA", "4:4:4")
    assert video["colour_primaries"] == video["transfer_characteristics"] == "BT.709"
    assert tracks["Other"]["TimeCode_FirstFrame"] == "01:00:00;02"
