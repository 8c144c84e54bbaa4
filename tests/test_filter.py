"""The filter: what VapourSynth scripts rely on."""

import contextlib
import gc
import os
import threading
import time
from itertools import chain
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

import sghm_vs
from sghm_vs import attach, sghm
from sghm_vs.color.convert import read_color, to_display_rgb
from sghm_vs.filter import tensors
from sghm_vs.filter.debug import detached
from sghm_vs.filter.engine import load_pipeline
from sghm_vs.matting import optical_flow, temporal
from sghm_vs.matting.frame import Pipeline
from sghm_vs.media.readers.vpy import run_script
from sghm_vs.models.backends.cores import trim_heap
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.streams import Streams
from sghm_vs.models.sghm.network import LightSGHM
from sghm_vs.models.weights import find_weights
from sghm_vs.options import Settings, View
from tests.clips import counted, frame_bytes, noise_clip, panning_clip, plane

core = vs.core


@pytest.fixture(scope="module")
def expected(model) -> list[bytes]:
    """The frames of the alpha of two shots in playback order, no two of them alike."""
    alpha = sghm(panning_clip(), -1, model)
    frames = [plane(frame).tobytes() for frame in alpha.frames(close=True)]
    assert len(set(frames)) == len(frames)
    return frames


def test_alpha_is_a_full_range_gray_clip_like_its_source():
    clip = noise_clip(length=3)

    alpha = sghm(clip, -1)

    assert alpha.format.id == vs.GRAYS
    assert (alpha.width, alpha.height, alpha.num_frames) == (96, 64, 3)
    assert alpha.fps == clip.fps
    with alpha.get_frame(0) as frame:
        assert frame.props["_Range"] == vs.RANGE_FULL
        assert "_Matrix" not in frame.props
        values = plane(frame)
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 1


@pytest.mark.slow
def test_frames_are_the_same_backward(model, expected):
    alpha = sghm(panning_clip(), -1, model)

    backward = {n: frame_bytes(alpha, n) for n in reversed(range(8))}

    assert [backward[n] for n in range(8)] == expected


def test_frames_are_the_same_in_any_order_and_asked_for_again(model, expected):
    alpha = sghm(panning_clip(), -1, model)
    order = [*range(8), *range(8)]
    np.random.default_rng(1).shuffle(order)

    assert all(frame_bytes(alpha, n) == expected[n] for n in order)


@pytest.mark.slow
@pytest.mark.parametrize("prefetch", [1, 16])
def test_frames_are_the_same_when_prefetched(model, expected, prefetch):
    alpha = sghm(panning_clip(), -1, model, num_streams=2)

    frames = alpha.frames(prefetch=prefetch, close=True)

    assert [plane(frame).tobytes() for frame in frames] == expected


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_frames_are_the_same_on_any_number_of_threads(model, expected, threads):
    before = core.num_threads
    core.num_threads = threads
    try:
        alpha = sghm(panning_clip(), -1, model)
        frames = [plane(frame).tobytes() for frame in alpha.frames(close=True)]
    finally:
        core.num_threads = before

    assert frames == expected


def test_a_trimmed_alpha_has_the_same_frames(model, expected):
    after = sghm(panning_clip(), -1, model)[2:7]

    assert [frame_bytes(after, n) for n in range(5)] == expected[2:7]


@pytest.mark.slow
@pytest.mark.parametrize("tr", [0, 1, 3])
def test_each_side_of_a_cut_equals_that_side_matted_alone(model, tr):
    clip = panning_clip((3, 4, 1, 2))

    alpha = sghm(clip, -1, model, tr=tr)
    whole = [frame_bytes(alpha, n) for n in range(10)]

    for first, last in ((0, 3), (3, 7), (7, 8), (8, 10)):
        alone = sghm(clip[first:last], -1, model, tr=tr)
        assert [frame_bytes(alone, n) for n in range(last - first)] == whole[first:last]


@pytest.mark.slow
@pytest.mark.parametrize("tr", [0, 1, 2])
def test_an_alpha_depends_on_nothing_beyond_its_reach(model, tr):
    """So a part of a shot can be rendered elsewhere, given as many frames more."""
    clip, n, reach = panning_clip((24,)), 11, Settings(tr=tr).reach

    around = clip[n - reach : n + reach + 1]

    whole, part = (sghm(frames, -1, model, tr=tr) for frames in (clip, around))
    assert frame_bytes(part, reach) == frame_bytes(whole, n)


def test_neighbors_shape_a_frame(model, expected):
    """Else every claim about order would hold for want of a window."""
    alone = sghm(panning_clip(), -1, model, tr=0)

    assert sum(frame_bytes(alone, n) != expected[n] for n in range(8)) >= 4


def test_a_still_clip_equals_its_per_frame_alpha(model):
    still = panning_clip((1,)).std.Loop(5)

    stable, alone = sghm(still, -1, model), sghm(still, -1, model, tr=0)

    assert frame_bytes(stable, 2) == frame_bytes(alone, 2)


def test_the_filter_equals_the_pipeline_called_directly(model):
    clip = noise_clip(vs.RGBS, length=1)
    device = torch.device("cpu")
    pipeline = load_pipeline(find_weights(model), Settings(), Compute(device))
    with clip.get_frame(0) as frame:
        picture = tensors.to_tensor(frame, device, torch.float32)
    # On one thread, as each frame is: sums by several differ in their last bits.
    direct = Streams(device, 1).run(lambda: pipeline.matte(picture))

    assert frame_bytes(sghm(clip, -1, model, tr=0), 0) == direct[0, 0].numpy().tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("sizing", ["pad", "image", "video"])
def test_however_a_frame_is_sized_its_alpha_is_held_to_the_networks_own_mask(model, sizing):
    pipeline = load_pipeline(
        find_weights(model), Settings(sizing=sizing, infer_size=192), Compute(torch.device("cpu"))
    )
    picture = torch.rand(1, 3, 192, 256, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        features, seen = pipeline.segment(pipeline.encoder_input(picture), 192, 256)
        height, width = seen.shape[2:]
        mask = torch.zeros_like(seen)
        mask[..., height // 4 : -height // 4, width // 4 : -width // 4] = 1
        alpha = pipeline.matte_segmented(picture, features, mask)[0, 0]

    assert (alpha[72:120, 88:168] == 1).all()
    assert (alpha[:24, :24] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("tr", [0, 2])
@pytest.mark.parametrize("prefetch", [1, 16])
def test_no_frame_is_computed_twice_in_linear_playback(monkeypatch, model, tr, prefetch):
    clip, seen = counted(panning_clip((24,)))
    steps = {
        optical_flow: ("small_luma", "motions"),
        Pipeline: ("encoder_input",),
        temporal: ("denoise", "fuse", "stabilize"),
        LightSGHM: ("segment", "begin"),
    }
    calls = dict.fromkeys(chain(*steps.values()), 0)
    for owner, names in steps.items():
        for name in names:
            monkeypatch.setattr(owner, name, counting(calls, name, getattr(owner, name)))
    alpha = sghm(clip, -1, model, tr=tr)
    seen.clear()

    for _ in alpha.frames(prefetch=prefetch, close=True):
        pass

    # Frame 0 was read once before, for its color.
    assert sorted(seen) in (list(range(24)), list(range(1, 24)))
    assert calls == {
        "small_luma": 24 * (tr > 0),
        "motions": 23 * (tr > 0),
        "encoder_input": 24 * (tr > 0),
        "denoise": 24 * (tr > 0),
        "segment": 24,
        "fuse": 24 * (tr > 0),
        "stabilize": 24 * (tr > 0),
        "begin": 24,
    }


def counting(calls, name, function):
    def call(*args, **kwargs):
        calls[name] += 1
        return function(*args, **kwargs)

    return call


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (127, 95), (65, 64)])
def test_odd_sizes_come_back_as_they_went_in(size):
    alpha = sghm(noise_clip(vs.RGB24, *size, length=1), -1)

    with alpha.get_frame(0) as frame:
        assert plane(frame).shape == size[::-1]


@pytest.mark.parametrize(
    "format_id",
    [
        vs.RGB24, vs.RGB30, vs.RGB48, vs.RGBS, vs.RGBH, vs.YUV420P8, vs.YUV420P10, vs.YUV422P10,
        vs.YUV444P12, vs.YUV444P16, vs.YUV444PS, vs.GRAY8, vs.GRAY16, vs.GRAYS,
    ],
)  # fmt: skip
def test_every_format_is_seen_as_the_same_picture(format_id):
    width, height = 96, 64
    color = [120, 120, 120]
    flat = core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=1, color=color)
    family = core.get_video_format(format_id).color_family
    matrix = {} if family == vs.RGB else {"matrix": 1}
    clip = flat.resize.Bicubic(format=format_id, **matrix)

    with to_display_rgb(read_color(clip)).get_frame(0) as frame:
        seen = [plane(frame, index).mean() for index in range(3)]

    assert seen == pytest.approx([120 / 255] * 3, abs=2e-3)


def test_an_untagged_clip_is_taken_by_its_size():
    """Players assume BT.709 for HD and BT.601 below; so does the filter."""
    red = {"format": vs.YUV444P8, "color": [63, 102, 240], "length": 1}
    large = core.std.BlankClip(width=1280, height=720, **red)
    small = core.std.BlankClip(width=640, height=480, **red)

    with (
        to_display_rgb(read_color(large)).get_frame(0) as hd,
        to_display_rgb(read_color(small)).get_frame(0) as sd,
    ):
        assert plane(hd).mean() == pytest.approx(1.0, abs=0.02)
        assert plane(sd).mean() < 0.97


def test_linear_footage_is_encoded_for_the_network():
    linear = core.std.BlankClip(format=vs.RGBS, width=64, height=64, length=1, color=[0.214] * 3)
    linear = linear.std.SetFrameProps(_Matrix=0, _Transfer=8, _Primaries=1)

    with to_display_rgb(read_color(linear)).get_frame(0) as frame:
        assert plane(frame).mean() == pytest.approx(0.5, abs=0.01)


def test_values_out_of_range_and_nan_do_not_reach_the_network():
    clip = core.std.BlankClip(format=vs.RGBS, width=64, height=64, length=1, color=[7.0, -3.0, 0.5])

    def poison(f, **_):
        frame = f.copy()
        np.asarray(frame[2])[:8] = np.nan
        return frame

    poisoned = clip.std.ModifyFrame(clip, poison)

    with poisoned.get_frame(0) as frame:
        tensor = tensors.to_tensor(frame, torch.device("cpu"), torch.float32)
    assert tensor.isfinite().all()
    assert tensor.min() >= 0
    assert tensor.max() <= 1


@pytest.mark.parametrize("format_id", [vs.GRAY8, vs.GRAY10, vs.GRAY16, vs.GRAYH])
def test_alpha_comes_in_the_format_asked_for(format_id):
    clip = noise_clip(length=1)

    chosen, default = sghm(clip, -1, format=format_id), sghm(clip, -1)

    with chosen.get_frame(0) as frame, default.get_frame(0) as exact:
        peak = 1 if chosen.format.sample_type == vs.FLOAT else 2**chosen.format.bits_per_sample - 1
        error = np.abs(plane(frame).astype(np.float64) / peak - plane(exact))
    assert error.max() <= (1e-3 if peak == 1 else 0.5 / peak + 1e-6)


def test_half_float_in_gives_half_float_out():
    assert sghm(noise_clip(vs.RGBH, length=1), -1).format.id == vs.GRAYH


def test_a_mask_takes_the_place_of_the_segmentation():
    clip = noise_clip(length=1)
    empty = core.std.BlankClip(clip, format=vs.GRAY8, color=0)
    full = core.std.BlankClip(clip, format=vs.GRAY8, color=255)

    coverage = [plane(sghm(clip, -1, mask=mask).get_frame(0)).mean() for mask in (empty, full)]

    assert coverage[0] < coverage[1]


SAMPLES = [(vs.INTEGER, 8), (vs.INTEGER, 10), (vs.INTEGER, 16), (vs.FLOAT, 16), (vs.FLOAT, 32)]


@pytest.mark.parametrize("family", [vs.GRAY, vs.RGB, vs.YUV])
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("sample_of_alpha", SAMPLES)
def test_attach_serves_previewers_and_vspipe_at_any_depth(family, sample, sample_of_alpha):
    clip = core.std.BlankClip(
        format=core.query_video_format(family, *sample).id, width=8, height=8, length=2
    )
    gray = core.query_video_format(vs.GRAY, *sample_of_alpha)
    top = 1 if gray.sample_type == vs.FLOAT else 2**gray.bits_per_sample - 1
    alpha = core.std.BlankClip(clip, format=gray.id, color=top)

    attached = attach(clip, alpha)

    needed = core.query_video_format(vs.GRAY, *sample)
    top = 1 if needed.sample_type == vs.FLOAT else 2**needed.bits_per_sample - 1
    with attached.get_frame(0) as frame:
        assert frame.props["_Alpha"].format.id == needed.id
        assert np.all(np.asarray(frame.props["_Alpha"][0]) == top)
    assert vs.get_output(0).alpha.format.id == needed.id


@pytest.mark.parametrize(
    ("clip", "alpha", "words"),
    [
        ("plate.mov", None, "not a clip but str"),
        (None, "matte.mov", "the alpha must be a GRAY clip"),
        (None, noise_clip(vs.RGB24, length=2), "the alpha must be a GRAY clip"),
        (None, noise_clip(vs.GRAY8, length=1), "with 1 frame, and the clip 96x64 with 2"),
        (None, noise_clip(vs.GRAY8, 64, length=2), "64x64 with 2 frames, and the clip 96x64"),
    ],
)
def test_attach_says_what_does_not_fit(clip, alpha, words):
    with pytest.raises(vs.Error, match=f"^sghm: .*{words}"):
        attach(clip or noise_clip(length=2), alpha)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tr": -1}, "tr is -1"),
        ({"tr": 1.5}, "tr is 1.5"),
        ({"tr": "much"}, "tr is 'much'"),
        ({"sc_threshold": 0.0}, "sc_threshold is 0.0"),
        ({"model": "nope"}, "nope"),
        ({"model": "sghm-resnet50"}, "by hand"),
        ({"device_index": 99}, "device_index=99"),
        ({"device_index": "cuda"}, "device_index is 'cuda' and must be a whole number"),
        ({"infer_size": 1.5}, "infer_size is 1.5"),
        ({"sizing": "stretch"}, "stretch"),
        ({"infer_size": 3}, "infer_size is 3"),
        ({"backend": "abacus"}, "abacus"),
        ({"debug": "everything"}, "everything"),
        ({"num_streams": -1}, "num_streams is -1"),
        ({"format": vs.RGB24}, "GRAY16"),
        ({"format": 12345}, "GRAY16"),
        ({"mask": "mask.png"}, "mask is 'mask.png' and must be a clip or None"),
    ],
)
def test_what_cannot_be_done_is_said_as_a_vapoursynth_error(arguments, words):
    with pytest.raises(vs.Error, match=f"^sghm: .*{words}"):
        sghm(noise_clip(length=1), **arguments)


def test_a_path_in_place_of_a_clip_is_named():
    with pytest.raises(vs.Error, match="this is not a clip but str"):
        sghm("plate.mov")


def test_a_clip_of_changing_size_is_matted_frame_by_frame():
    small, large = (noise_clip(vs.RGB24, *size, length=1) for size in ((96, 64), (127, 95)))
    mixed = core.std.Splice([small, large], mismatch=True)

    alpha, codes = sghm(mixed, -1), sghm(mixed, -1, format=vs.GRAY16)

    for n, clip in enumerate((small, large)):
        assert frame_bytes(alpha, n) == frame_bytes(sghm(clip, -1), 0)
        assert frame_bytes(codes, n) == frame_bytes(sghm(clip, -1, format=vs.GRAY16), 0)


def test_a_mask_changes_its_size_with_its_clip():
    sizes = [(96, 64), (64, 64)]
    mixed = core.std.Splice([noise_clip(vs.RGB24, *s, length=1) for s in sizes], mismatch=True)
    masks = [noise_clip(vs.GRAY8, *s, length=1) for s in sizes]

    fitting, wrong = (core.std.Splice(m, mismatch=True) for m in (masks, masks[::-1]))

    assert sghm(mixed, -1, mask=fitting).get_frame(1).width == 64
    with pytest.raises(vs.Error, match=r"frame [01] of the mask is \d+x64, and the clip's"):
        sghm(mixed, -1, mask=wrong).get_frame(1)


def test_a_clip_of_changing_format_is_refused():
    mixed = [noise_clip(length=1), noise_clip(vs.RGB24, length=1)]

    with pytest.raises(vs.Error, match="changes its format"):
        sghm(core.std.Splice(mixed, mismatch=True), -1)


def test_a_clip_of_changing_rate_keeps_each_frames_time():
    clip = core.std.Splice([noise_clip(length=1), noise_clip(length=1).std.AssumeFPS(fpsnum=50)])

    alpha = sghm(clip, -1)

    assert alpha.fps == clip.fps == 0
    assert [frame.props["_DurationDen"] for frame in alpha.frames()] == [24000, 50]


def test_a_mask_of_another_size_is_named_with_both_sizes():
    mask = noise_clip(vs.GRAY8, width=64, length=1)

    with pytest.raises(vs.Error, match=r"64x64 with 1 frame, and the clip 96x64 with 6"):
        sghm(noise_clip(), -1, mask=mask)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
        MemoryError(),
    ],
)
def test_a_device_without_memory_is_named_and_serves_the_next_frame(
    monkeypatch, model, expected, error
):
    alpha = sghm(panning_clip(), -1, model)

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(LightSGHM, "begin", fail)
        with pytest.raises(vs.Error, match="out of memory on cpu; use a smaller infer_size"):
            alpha.get_frame(3)

    assert frame_bytes(alpha, 3) == expected[3]


def test_another_failure_of_the_network_is_not_taken_for_a_lack_of_memory(monkeypatch):
    def fail(*_):
        msg = "shapes do not match"
        raise RuntimeError(msg)

    monkeypatch.setattr(LightSGHM, "begin", fail)

    with pytest.raises(vs.Error, match="RuntimeError: shapes do not match"):
        sghm(noise_clip(length=1), -1).get_frame(0)


@pytest.mark.slow
def test_reloading_a_script_leaves_nothing_behind(tmp_path):
    script = tmp_path / "shot.vpy"
    script.write_text(
        "import vapoursynth as vs\n"
        "from sghm_vs import attach, sghm\n"
        "clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=2)\n"
        "attach(clip, sghm(clip, -1, num_streams=2))\n"
    )

    def reload(times: int) -> tuple[int, int, int]:
        for _ in range(times):
            frame_bytes(run_script(script)[1], 0)
        vs.clear_outputs()
        gc.collect()
        trim_heap()
        networks = sum(type(found) is LightSGHM for found in gc.get_objects())
        return networks, slot_threads(), resident_mib()

    early, late = reload(5), reload(15)

    assert late[:2] == early[:2]
    # The network alone is 11 MiB: fifteen of them would be 165.
    assert late[2] - early[2] < 32


def slot_threads() -> int:
    """The number of streams' threads, once those that were told to end had the time to."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        alive = sum(thread.name.startswith("sghm") for thread in threading.enumerate())
        if not alive:
            break
        time.sleep(0.05)
    return alive


def resident_mib() -> int:
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") >> 20
    return 0


@pytest.mark.slow
@pytest.mark.parametrize("step", get_args(View))
def test_each_step_to_an_alpha_can_be_looked_at(model, step):
    trimap = noise_clip(vs.GRAY8, length=1).std.Loop(5).std.Levels(gamma=1, min_in=120, max_in=136)
    screen = "green" if step == "screen" else None
    shown = sghm(panning_clip((5,)), -1, model, debug=step, trimap=trimap, screen=screen)

    with shown.get_frame(2) as frame:
        values = plane(frame)
        assert (frame.format.id, frame.width, frame.height) == (vs.GRAYS, 96, 64)
    assert 0 <= values.min() < values.max() <= 1


@pytest.mark.slow
def test_all_steps_come_with_an_alpha_and_each_is_made_once(monkeypatch, model):
    """Twice where a difference from the alpha of each frame alone is made as well."""
    calls = dict.fromkeys(["segment", "begin"], 0)
    for name in calls:
        monkeypatch.setattr(LightSGHM, name, counting(calls, name, getattr(LightSGHM, name)))

    alpha, steps = detached(sghm(panning_clip((5,)), -1, model, debug="all"))
    together = core.std.Interleave([alpha, *steps.values()])
    frames = [plane(frame).tobytes() for frame in together.frames(close=True)]

    assert calls == {"segment": 10, "begin": 10}
    monkeypatch.undo()
    alone = sghm(panning_clip((5,)), -1, model)
    assert frames[2 * (1 + len(steps))] == frame_bytes(alone, 2)
    for at, step in enumerate(steps, start=2 * (1 + len(steps)) + 1):
        assert frames[at] == frame_bytes(sghm(panning_clip((5,)), -1, model, debug=step), 2)


def test_without_neighbors_nothing_differs_from_each_frame_alone(model):
    shown = sghm(panning_clip((5,)), -1, model, tr=0, debug="difference")

    assert all((plane(frame) == 0.5).all() for frame in shown.frames(close=True))


def test_an_alpha_says_how_much_of_its_window_it_used(model):
    alpha = sghm(panning_clip((3, 4)), -1, model)

    props = [frame.props for frame in alpha.frames()]

    assert [prop["SghmWindow"] for prop in props] == [3, 3, 3, 3, 4, 4, 3]
    assert all(0 <= prop["SghmCoverage"] <= 1 and prop["SghmWarpError"] >= 0 for prop in props)


@pytest.mark.parametrize(("props", "window"), [({}, 5), ({"_SceneChangePrev": 1}, 1)])
def test_scene_changes_can_be_the_clips_own(model, props, window):
    clip = panning_clip((5,)).std.SetFrameProps(**props)

    with sghm(clip, -1, model, sc_threshold=None).get_frame(2) as frame:
        assert frame.props["SghmWindow"] == window


def test_without_scene_changes_a_window_ends_with_the_clip_alone(model):
    with sghm(panning_clip((3, 4)), -1, model, sc=False).get_frame(2) as frame:
        assert frame.props["SghmWindow"] == 5


def test_a_window_ends_where_the_size_changes(model):
    sizes = [{"width": 96}, {"width": 64}]
    mixed = core.std.Splice([panning_clip((3,), **size) for size in sizes], mismatch=True)

    alpha = sghm(mixed, -1, model)

    for n, size in ((1, sizes[0]), (4, sizes[1])):
        alone = sghm(panning_clip((3,), **size), -1, model)
        assert frame_bytes(alpha, n) == frame_bytes(alone, 1)


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_clips_have_an_alpha(model, length):
    assert len(list(sghm(panning_clip((length,)), -1, model).frames(close=True))) == length


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(order=st.lists(st.integers(0, 7), min_size=1, max_size=12))
def test_any_order_of_requests_gives_the_same_frames(model, expected, order):
    alpha = sghm(panning_clip(), -1, model)

    assert all(frame_bytes(alpha, n) == expected[n] for n in order)


def test_torch_is_left_as_it_was_found():
    """Other filters run in the same process."""
    before = global_state()

    frame_bytes(sghm(noise_clip(length=1), -1), 0)

    assert global_state() == before


def global_state() -> tuple[object, ...]:
    return (
        torch.get_num_threads(),
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
    )


def test_the_public_names_are_what_they_say():
    for name in sghm_vs.__all__:
        assert getattr(sghm_vs, name) is not None
    assert sorted(sghm_vs.__all__) == list(sghm_vs.__all__)


@pytest.mark.slow
def test_the_network_sees_square_pixels_of_a_clip_whose_own_are_not(model):
    clip = panning_clip().resize.Bicubic(format=vs.RGBS)
    squeezed = clip.resize.Bilinear(clip.width // 2, clip.height)
    anamorphic = squeezed.std.SetFrameProps(_SARNum=2, _SARDen=1)
    width, height = squeezed.width, squeezed.height

    seen, plain = (plane(sghm(one, -1, model, tr=0).get_frame(0)) for one in (anamorphic, squeezed))
    unsqueezed = squeezed.resize.Bilinear(2 * width, height)
    square = sghm(unsqueezed, -1, model, tr=0).resize.Bilinear(width, height)

    expected = plane(square.get_frame(0))
    assert seen.shape == (height, width)
    assert np.abs(seen - expected).mean() < 0.25 * np.abs(plain - expected).mean()
