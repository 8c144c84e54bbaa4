"""
The way to a device and back, which is packed, captured and spread.

The CPU takes the same steps here as CUDA does, but for what captures and copies; tests that need CUDA
itself are marked `gpu`.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, product
from typing import Any
from weakref import WeakSet

import numpy as np
import pytest
import torch
import vapoursynth as vs
from torch import Tensor

from sghm_vs import sghm
from sghm_vs.clips import to_gray_frame
from sghm_vs.color import convert
from sghm_vs.color.yuv import planes_to_rgb, to_codes
from sghm_vs.errors import DeviceError
from sghm_vs.filter import graph
from sghm_vs.filter import tensors as planes
from sghm_vs.filter.engine import TensorEngine, load_pipeline
from sghm_vs.filter.engines import engines_for
from sghm_vs.filter.guides import GuideClips
from sghm_vs.filter.sghm import matte_clip
from sghm_vs.matting import tiles
from sghm_vs.matting.frame import Pipeline
from sghm_vs.models.backends.cuda_graphs import GRAPHS_MAX, EagerRunner, GraphRunner, Step
from sghm_vs.models.backends.device import Compute, choose_computes
from sghm_vs.models.backends.streams import Streams
from sghm_vs.models.sghm import squares
from sghm_vs.models.weights import find_weights
from sghm_vs.options import Settings
from tests.clips import frame_bytes, noise_clip, panning_clip, plane
from tests.seeded import seeded_image

core = vs.core
CPU = torch.device("cpu")

FORMATS = [
    vs.YUV420P8, vs.YUV420P10, vs.YUV420P16, vs.YUV422P8, vs.YUV422P10, vs.YUV444P8, vs.YUV444P12,
    vs.YUV410P8, vs.YUV411P8, vs.YUV440P8, vs.YUV420PS, vs.YUV444PS, vs.YUV420PH,
    vs.RGB24, vs.RGB30, vs.RGB48, vs.RGBH, vs.RGBS, vs.GRAY8, vs.GRAY10, vs.GRAY16,
]  # fmt: skip
CONVERSION_TOLERANCE = 1e-6
"""A sixteenth of a code of 16 bits: sums are made in another order than the resizer's."""


def random_frame(format_id: int, width: int = 64, height: int = 48, **props: int) -> vs.VideoNode:
    """Return a clip of one frame of random samples, over the whole range of codes."""
    blank = core.std.BlankClip(format=format_id, width=width, height=height, length=1, keep=True)
    noise, kind = np.random.default_rng(1), blank.format

    def draw(f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for number, samples in enumerate(map(np.asarray, frame)):
            if kind.sample_type == vs.FLOAT:
                lowest = 0.5 if number and kind.color_family == vs.YUV else 0
                np.copyto(samples, (noise.random(samples.shape) - lowest).astype(samples.dtype))
            else:
                codes = noise.integers(0, 1 << kind.bits_per_sample, samples.shape, samples.dtype)
                np.copyto(samples, codes)
        frame.props.update(props)
        return frame

    drawn = draw(blank.get_frame(0))
    return blank.std.ModifyFrame(blank, lambda n, f: drawn)  # noqa: ARG005


def taken(clip: vs.VideoNode, exposure: float = 0) -> tuple[vs.VideoFormat, Tensor, Tensor]:
    """Return in which format the first frame is packed, its picture, and the resizer's."""
    footage = convert.read_color(clip)
    with planes.to_pictures(footage, exposure).get_frame(0) as frame:
        packed = planes.pack_planes(frame, CPU)
        picture, kind = planes_to_rgb(packed.data, packed.layout, torch.float32), frame.format
    with convert.to_viewed_rgb(footage, exposure).get_frame(0) as frame:
        return kind, picture, planes.to_tensor(frame, CPU, torch.float32)


def ways(format_id: int) -> Iterator[dict[str, int]]:
    """
    Yield what the props of frames of a format may say: places of chroma in turn.

    Range, place and matrix are of three steps (`sghm_vs.color.yuv`), of which none knows another's.
    """
    matrices, locations = [1, 4, 5, 6, 7, 9], [None, 0, 1, 2, 3, 4, 5]
    if core.get_video_format(format_id).color_family != vs.YUV:
        matrices, locations = [1], [None]
    for (matrix, is_full), location in zip(product(matrices, (None, 0, 1)), cycle(locations)):
        said = {"_Matrix": matrix, "_ChromaLocation": location, "_Range": is_full}
        yield {name: value for name, value in said.items() if value is not None}


@pytest.mark.slow
@pytest.mark.parametrize("format_id", FORMATS, ids=lambda f: core.get_video_format(f).name)
def test_planes_become_what_the_resizer_makes_of_them(format_id):
    """In every matrix, range and place of chroma: a device must not see another picture."""
    is_rgb = core.get_video_format(format_id).color_family == vs.RGB
    for props in ways(format_id):
        if is_rgb:
            del props["_Matrix"]
        kind, picture, resized = taken(random_frame(format_id, **props))

        assert kind.id == format_id
        assert (picture - resized).abs().max() < CONVERSION_TOLERANCE, props


@pytest.mark.parametrize("size", [(4, 4), (8, 6), (130, 4), (6, 70)])
def test_chroma_goes_on_beyond_the_edges_as_the_resizers_does(size):
    for location in range(6):
        _, picture, resized = taken(random_frame(vs.YUV420P8, *size, _ChromaLocation=location))

        assert (picture - resized).abs().max() < CONVERSION_TOLERANCE


@pytest.mark.parametrize(
    ("format_id", "props", "exposure"),
    [
        (vs.YUV420P10, {"_Matrix": 9, "_Transfer": 16, "_Primaries": 9}, 0),
        (vs.YUV420P10, {"_Matrix": 9, "_Transfer": 14, "_Primaries": 9}, 0),
        (vs.RGBS, {"_Transfer": 8}, 0),
        (vs.YUV420P8, {"_Matrix": 1}, 1),
        (vs.YUV420P8, {"_Matrix": 8}, 0),
        (vs.GRAYS, {}, 0),
    ],
    ids=["PQ", "BT.2020", "linear", "exposure", "YCgCo", "gray floats"],
)
def test_what_takes_more_than_a_matrix_is_converted_before(format_id, props, exposure):
    kind, picture, resized = taken(random_frame(format_id, **props), exposure)

    assert kind.id == vs.RGBS
    assert torch.equal(picture, resized)


def test_chroma_too_small_to_enlarge_is_converted_before():
    kind, picture, resized = taken(random_frame(vs.YUV420P8, 2, 2))

    assert kind.id == vs.RGBS
    assert torch.equal(picture, resized)


def test_no_number_is_black_on_a_device_too():
    blank = core.std.BlankClip(format=vs.RGBS, width=8, height=8, length=1)
    clip = blank.std.Expr("0 0 /")

    _, picture, resized = taken(clip)

    assert torch.equal(picture, resized)
    assert (picture == 0).all()


@pytest.mark.parametrize("bits", range(8, 17))
def test_alphas_become_the_codes_that_the_resizer_makes_of_them(bits):
    """Up to the last one, at every tie between two codes as well."""
    ties = (np.arange(1 << bits, dtype=np.float32) + np.float32(0.5)) / ((1 << bits) - 1)
    values = np.concatenate([ties.clip(0, 1), np.random.default_rng(0).random(1 << bits)])
    alpha = values.astype(np.float32).reshape(-1, 64)
    frame = to_gray_frame(alpha, {})
    clip = core.std.BlankClip(format=vs.GRAYS, width=64, height=len(alpha), length=1)
    clip = clip.std.ModifyFrame(clip, lambda n, f: frame)  # noqa: ARG005
    format_id = core.query_video_format(vs.GRAY, vs.INTEGER, bits).id
    with convert.to_full_range_gray(clip, format_id).get_frame(0) as resized:
        expected = np.array(resized[0])

    codes = to_codes(torch.from_numpy(alpha), bits, False).numpy()

    assert np.array_equal(codes.view(expected.dtype), expected)


def pipeline_of(model: str, tr: int = 0) -> Pipeline:
    return load_pipeline(find_weights(model), Settings(tr=tr), Compute(CPU))


def packing(model: str, tr: int = 0, count: int = 1, **how: Any) -> list[TensorEngine]:
    """Return an engine on the CPU that goes CUDA's way."""
    return [TensorEngine.of(pipeline_of(model, tr), Streams(CPU, count, packs=True, **how))]


def replayed(step: Step, inputs: tuple[Any, ...]) -> tuple[Callable[[], None], Any]:
    """Stand in for a captured graph: it reads and writes the same memory each time."""
    outputs = kept(step(*inputs))

    def replay() -> None:
        for own, made in zip(tensors(outputs), tensors(step(*inputs)), strict=True):
            own.copy_(made)

    return replay, outputs


class Holding:
    """Captures, and knows of what is captured what is still there."""

    def __init__(self) -> None:
        self.kept: WeakSet[Any] = WeakSet()

    def __call__(self, step: Step, inputs: tuple[Any, ...]) -> tuple[Callable[[], None], Any]:
        """Return what `replayed` does."""
        replay, outputs = replayed(step, inputs)
        self.kept.add(replay)
        return replay, outputs


def kept(value: Any) -> Any:
    if isinstance(value, tuple):
        parts = map(kept, value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value.clone() if isinstance(value, Tensor) else value


def tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, tuple):
        for part in value:
            yield from tensors(part)
    elif isinstance(value, Tensor):
        yield value


@pytest.mark.slow
@pytest.mark.parametrize("tr", [0, 1])
@pytest.mark.parametrize("how", [{}, {"capture": replayed}], ids=["as they are", "replayed"])
def test_a_clip_that_goes_the_devices_way_has_the_same_alphas(model, tr, how):
    """Packed, converted there, replayed, in several streams and any order: the same to the bit."""
    clip = panning_clip((4, 3))
    direct = sghm(clip, -1, model, tr=tr)

    alpha = matte_clip(clip, packing(model, tr, count=2, **how))

    # From RGB, whose way is a division: other formats differ by the last bits of their conversion.
    for n in (5, 0, 6, 1, 5):
        with alpha.get_frame(n) as found, direct.get_frame(n) as expected:
            assert np.abs(plane(found) - plane(expected)).max() < 1e-4
            assert dict(found.props) == pytest.approx(dict(expected.props), abs=1e-4)


@pytest.mark.slow
def test_replayed_steps_give_what_they_give_as_they_are(model):
    clip = panning_clip((4, 3))
    plain = [frame_bytes(matte_clip(clip, packing(model, 1)), n) for n in range(7)]

    alpha = matte_clip(clip, packing(model, 1, count=2, capture=replayed))

    assert [frame_bytes(alpha, n) for n in (3, 6, 0, 3, 2)] == [plain[n] for n in (3, 6, 0, 3, 2)]
    frames = [frame.copy() for frame in alpha.frames(prefetch=8)]
    assert [plane(frame).tobytes() for frame in frames] == plain


def test_frames_of_one_size_are_captured_once(model):
    held = Holding()
    alpha = matte_clip(noise_clip(), packing(model, capture=held))
    frame_bytes(alpha, 0)
    first = len(held.kept)

    for n in range(1, 6):
        frame_bytes(alpha, n)

    assert 4 < first == len(held.kept)


@pytest.mark.slow
@pytest.mark.parametrize("format_id", [vs.GRAY8, vs.GRAY10, vs.GRAY16, vs.GRAYH, vs.GRAYS])
def test_an_alpha_comes_back_in_the_format_that_is_asked_for(model, format_id):
    clip = noise_clip()
    floats = matte_clip(clip, packing(model))

    alpha = matte_clip(clip, packing(model), format=format_id)

    assert alpha.format.id == format_id
    expected = convert.to_full_range_gray(floats, format_id)
    with alpha.get_frame(1) as found, expected.get_frame(1) as resized:
        assert np.array_equal(plane(found), plane(resized))
        assert found.props["_Range"] == vs.RANGE_FULL


def test_a_mask_goes_the_devices_way_too(model):
    clip = noise_clip(vs.RGB24)
    mask = core.std.BlankClip(clip, format=vs.GRAYS, color=1)
    direct = sghm(clip, -1, model, tr=0, mask=mask)

    alpha = matte_clip(clip, packing(model, capture=replayed), GuideClips(mask=mask))

    with alpha.get_frame(1) as found, direct.get_frame(1) as expected:
        assert np.abs(plane(found) - plane(expected)).max() < 1e-4


def test_a_trimap_guides_what_is_packed_as_it_guides_what_is_not(model):
    clip = noise_clip(length=2)
    halves = (
        core.std.BlankClip(clip, format=vs.GRAYS, width=48, color=value) for value in (1, 0.5)
    )
    trimap = core.std.StackHorizontal([*halves])
    direct = sghm(clip, -1, model, tr=1, trimap=trimap)

    alpha = matte_clip(clip, packing(model, 1, capture=replayed), GuideClips(trimap=trimap))

    found, plain = (plane(one.get_frame(1)) for one in (alpha, direct))
    assert np.abs(found - plain).max() < 2e-3
    assert (found[:, :48] == 1).all()


def test_frames_of_changing_color_and_size_are_each_read_as_their_own(model):
    parts = [
        noise_clip(vs.YUV420P8, length=2).std.SetFrameProps(_Range=1),
        noise_clip(vs.YUV420P8, length=2).std.SetFrameProps(_Transfer=16, _Primaries=9),
        noise_clip(vs.YUV420P8, 128, 64, length=1),
    ]
    clip = core.std.Splice(parts, mismatch=True)
    direct = sghm(clip, -1, model, tr=0)

    alpha = matte_clip(clip, packing(model, captures=False))

    for n in range(5):
        with alpha.get_frame(n) as found, direct.get_frame(n) as expected:
            assert plane(found).shape == plane(expected).shape
            assert np.abs(plane(found) - plane(expected)).max() < 1e-4


@pytest.mark.parametrize("size", [(256, 384), (192, 128)])
def test_squares_by_their_places_are_squares(seeded_network, monkeypatch, size):
    """In batches of one size, some of which are filled up; at all edges and corners."""
    monkeypatch.setattr(tiles, "TILES_AT_ONCE_ON_DEVICE", 4)
    image = torch.from_numpy(seeded_image(5, *size))[None]
    mask = (image[:, :1] > 0.5).float()
    where = torch.zeros(1, 1, *size, dtype=torch.bool)
    where[..., [0, 70, -1], :] = True
    with torch.inference_mode():
        coarse_output = seeded_network.begin(image, seeded_network.encode(image), mask)
        monkeypatch.setattr(squares, "DENSE_PART", 100)
        slices = tiles.finest(seeded_network, coarse_output, tiles.tiles(where))
        monkeypatch.setattr(tiles, "_by_slices", partial(tiles.by_places, runner=EagerRunner()))
        places = tiles.finest(seeded_network, coarse_output, tiles.tiles(where))

    # The stand-in weights' last layer has a gain of 150, for rounding as well.
    assert (slices - places).abs().max() < 1e-4
    assert ((slices == 0) == (places == 0)).all()


def counting(calls: list[str]) -> Step:
    def doubled(values: Tensor, name: str) -> Tensor:
        calls.append(name)
        return values * 2

    return doubled


def test_a_step_is_captured_once_for_each_kind_of_input():
    captured: list[Any] = []

    def capture(step: Step, inputs: tuple[Any, ...]) -> Any:
        captured.append(inputs)
        return replayed(step, inputs)

    graphs, step = GraphRunner(CPU, capture), counting([])

    for size, name in ((2, "a"), (2, "a"), (3, "a"), (2, "b"), (3, "a")):
        given = torch.arange(float(size))
        assert torch.equal(graphs.run(step, given, name), given * 2)

    assert len(captured) == 3


def test_what_a_step_returned_is_written_over_unless_it_is_kept():
    graphs, step = GraphRunner(CPU, replayed), counting([])
    first = graphs.run(step, torch.ones(2), "")
    kept_first = graphs.cloned((first, "and a name"))

    graphs.run(step, torch.zeros(2), "")

    assert (first == 0).all()
    assert (kept_first[0] == 2).all()


def test_too_many_kinds_of_input_run_as_they_are():
    """A clip of a thousand sizes must not fill the device with graphs."""
    captured: list[int] = []

    def capture(step: Step, inputs: tuple[Any, ...]) -> Any:
        captured.append(1)
        return replayed(step, inputs)

    graphs, step = GraphRunner(CPU, capture), counting([])

    for size in range(1, 2 * GRAPHS_MAX):
        assert graphs.run(step, torch.ones(size), "").sum() == 2 * size

    assert len(captured) == GRAPHS_MAX


def test_what_cannot_be_captured_runs_as_it_is():
    tried: list[int] = []

    def capture(*_: Any) -> Any:
        tried.append(1)
        msg = "operation not permitted when stream is capturing"
        raise RuntimeError(msg)

    graphs, step = GraphRunner(CPU, capture), counting([])

    assert [graphs.run(step, torch.ones(1), "").item() for _ in range(3)] == [2, 2, 2]
    assert len(tried) == 1


def test_where_memory_ends_half_of_the_slots_go_on_with_it():
    """Once: all frames are made, by fewer streams."""
    streams, failures = Streams(CPU, 4), iter([True])

    def compute() -> Tensor:
        if next(failures, False):
            raise torch.OutOfMemoryError
        return torch.ones(1)

    assert streams.run(compute) == 1
    assert streams.count == 2
    assert [streams.run(compute).item() for _ in range(8)] == [1] * 8


def test_frames_that_run_out_of_memory_together_are_made_one_by_one():
    """Two at once are too many here."""
    streams, room = Streams(CPU, 4), threading.Semaphore(1)
    all_there = threading.Barrier(4)

    def compute() -> Tensor:
        is_first = streams.count == 4
        if not room.acquire(blocking=streams.count == 1):
            if is_first:
                all_there.wait(timeout=30)
            raise torch.OutOfMemoryError
        try:
            if is_first:
                all_there.wait(timeout=30)
            return torch.ones(1)
        finally:
            room.release()

    found: list[Tensor] = []
    threads = [
        threading.Thread(target=lambda: found.append(streams.run(compute))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(found) == 4
    assert streams.count < 4


def test_memory_that_ends_in_the_last_slot_too_says_what_helps():
    def compute() -> Tensor:
        raise torch.OutOfMemoryError

    with pytest.raises(DeviceError, match=r"out of memory on cpu; use a smaller infer_size"):
        Streams(CPU, 2).run(compute)


def test_an_error_that_is_not_for_want_of_memory_is_not_tried_again():
    tried: list[int] = []

    def compute() -> Tensor:
        tried.append(1)
        msg = "something else"
        raise RuntimeError(msg)

    streams = Streams(CPU, 2)
    with pytest.raises(RuntimeError, match="something else"):
        streams.run(compute)

    assert (len(tried), streams.count) == (1, 2)


def test_closed_slots_hold_nothing(model):
    """A previewer that loads a script anew needs the room of the old one."""
    held = Holding()
    (engine,) = packing(model, 1, capture=held)
    alpha = matte_clip(panning_clip((4,)), [engine])
    frame_bytes(alpha, 1)
    assert len(held.kept) > 4
    assert len(engine.features)

    engine.streams.close()
    gc.collect()

    assert not len(held.kept)
    assert not len(engine.features)


@pytest.mark.slow
@pytest.mark.parametrize("tr", [0, 1])
def test_frames_spread_over_devices_are_those_of_one(model, tr):
    clip = panning_clip((4, 3))
    one = matte_clip(clip, packing(model, tr))
    engines = [*packing(model, tr), *packing(model, tr)]

    two = matte_clip(clip, engines)

    order = 6, 2, 3, 0
    assert [frame_bytes(two, n) for n in order] == [frame_bytes(one, n) for n in order]


def test_each_device_gets_every_so_many_frames(model, monkeypatch):
    clip, engines = noise_clip(), [*packing(model), *packing(model)]
    ran: list[tuple[int, Streams]] = []
    run = Streams.run
    monkeypatch.setattr(Streams, "run", lambda self, make: ran.append(self) or run(self, make))

    for n in (4, 1, 0, 3):
        matte_clip(clip, engines).get_frame(n).close()

    assert ran == [engines[n % 2].streams for n in (4, 1, 0, 3)]


@pytest.mark.parametrize("devices", [[], [0, 0], [0, -1]])
def test_a_list_of_devices_names_each_once(devices):
    with pytest.raises(DeviceError, match="must name CUDA devices, each once"):
        choose_computes(devices)


def test_a_list_may_hold_one_device(model):
    with sghm(noise_clip(), [-1], model, tr=0).get_frame(0) as frame:
        assert frame.width == 96
    with pytest.raises(
        vs.Error, match="and must be a whole number, a list of whole numbers or None"
    ):
        sghm(noise_clip(), [-1, "cuda"], model)


def test_matting_finds_motion_while_the_device_works(model):
    """It runs on VapourSynth's threads: a slot's thread has no part in it."""
    names: set[str] = set()
    engines = packing(model, 1)
    seen = graph.temporal.stabilize

    def stabilize(*args: Any) -> Any:
        names.add(threading.current_thread().name)
        return seen(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph.temporal, "stabilize", stabilize)
        matte_clip(panning_clip((4,)), engines).get_frame(1).close()

    assert names
    assert not any(name.startswith("sghm") for name in names)


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("tr", [0, 2])
def test_alphas_of_cuda_are_those_of_the_cpu(model, tr):
    clip = panning_clip((5, 4), width=192, height=128)
    cpu, cuda = sghm(clip, -1, model, tr=tr), sghm(clip, 0, model, tr=tr, fp16=False)

    for n in (0, 4, 6):
        with cpu.get_frame(n) as expected, cuda.get_frame(n) as found:
            error = np.abs(plane(found) - plane(expected))
            assert (error > 2 / 255).mean() < 0.01


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("tr", [0, 2])
def test_any_frame_in_any_order_is_the_same_on_cuda(model, tr):
    clip = panning_clip((5, 4), width=192, height=128)
    alpha = sghm(clip, 0, model, tr=tr)
    whole = [frame_bytes(alpha, n) for n in range(9)]

    shuffled = sghm(clip, 0, model, tr=tr, num_streams=3)

    assert {n: frame_bytes(shuffled, n) for n in (8, 3, 0, 3, 6)} == {
        n: whole[n] for n in (8, 3, 0, 6)
    }
    ahead = [plane(frame.copy()).tobytes() for frame in shuffled.frames(prefetch=16)]
    assert ahead == whole


@pytest.mark.gpu
@needs_cuda
def test_captured_steps_give_what_they_give_as_they_are_on_cuda(model):
    clip = panning_clip((5,), width=192, height=128)
    compute = choose_computes(0)
    captured, plain = (
        matte_clip(clip, engines_for(find_weights(model), Settings(tr=0), compute, 2, captures=way))
        for way in (True, False)
    )

    assert [frame_bytes(captured, n) for n in range(5)] == [frame_bytes(plain, n) for n in range(5)]


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("format_id", FORMATS, ids=lambda f: core.get_video_format(f).name)
def test_planes_become_on_cuda_what_the_resizer_makes_of_them(format_id):
    footage = convert.read_color(random_frame(format_id))
    device = torch.device("cuda", 0)
    with planes.to_pictures(footage).get_frame(0) as frame:
        packed = planes.pack_planes(frame, device)
    with convert.to_viewed_rgb(footage).get_frame(0) as frame:
        resized = planes.to_tensor(frame, CPU, torch.float32)

    picture = planes_to_rgb(packed.data.to(device), packed.layout, torch.float32).cpu()

    assert packed.data.is_pinned()
    assert (picture - resized).abs().max() < CONVERSION_TOLERANCE


@pytest.mark.gpu
@needs_cuda
def test_slots_are_opened_while_there_is_room_and_closed_for_a_reload():
    streams = Streams(torch.device("cuda", 0), 0)
    for _ in range(8):
        streams.run(lambda: torch.zeros(1 << 20, device="cuda"))
    assert streams.count > 1

    streams.close()

    assert streams.count == 0
