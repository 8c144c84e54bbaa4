"""Which frames VapourSynth keeps of clips that are computed here."""

import pytest
import vapoursynth as vs

from sghm_vs.clips import blank_like, computed, read_once, uncached
from sghm_vs.color.convert import read_color, to_viewed_rgb
from sghm_vs.filter import graph
from sghm_vs.filter.debug import view
from sghm_vs.filter.engines import Engines, engines_for
from sghm_vs.filter.sghm import matte_clip
from sghm_vs.matting import temporal
from sghm_vs.models.backends.device import choose_computes
from sghm_vs.models.weights import find_weights
from sghm_vs.options import Settings
from tests.clips import counted, noise_clip, panning_clip

LENGTH = 6


@pytest.fixture
def source() -> tuple[vs.VideoNode, list[int]]:
    """A clip, and the numbers of its frames as they are computed."""
    return counted(noise_clip(vs.GRAYS, length=LENGTH))


def copied(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip whose frame n is computed from frame n of `clip`, as often as it is asked for."""
    return uncached(computed(blank_like(clip), [clip], lambda _, frames: frames[0].copy()))


def play(clip: vs.VideoNode) -> None:
    for frame in clip.frames(close=True):
        frame.close()


def test_what_a_computed_clip_reads_is_kept(source):
    """Else the next one would have nothing to show."""
    clip, seen = source
    reader = copied(clip)

    play(reader)
    play(reader)

    assert sorted(seen) == [*range(LENGTH)]


def test_what_a_single_reader_asks_for_once_is_not_kept(source):
    clip, seen = source
    reader = copied(read_once(clip))

    play(reader)
    play(reader)

    assert sorted(seen) == sorted([*range(LENGTH)] * 2)


def test_what_several_readers_ask_for_is_kept(source):
    clip, seen = source
    readers = [copied(read_once(clip)) for _ in range(2)]

    for reader in readers:
        play(reader)

    assert sorted(seen) == [*range(LENGTH)]


@pytest.fixture
def engines(model) -> Engines:
    return engines_for(find_weights(model), Settings(), choose_computes(-1, None, "auto"))


@pytest.mark.slow
def test_a_picture_that_is_matted_alone_is_not_kept(source, engines):
    pictures, seen = source
    alpha = uncached(graph.per_frame(pictures.resize.Bicubic(format=vs.RGBS), engines))

    play(alpha)
    play(alpha)

    assert sorted(seen) == sorted([*range(LENGTH)] * 2)


@pytest.mark.slow
def test_a_shot_that_is_matted_frame_by_frame_keeps_no_pictures(monkeypatch, model):
    """Planes of RGB in floats are 95 MiB of a frame of 4K, and nothing reads them twice."""
    rgb, seen = counted(to_viewed_rgb(read_color(panning_clip((LENGTH,)))))
    monkeypatch.setattr("sghm_vs.color.convert.to_viewed_rgb", lambda *_: rgb)
    settings = Settings(tr=0)
    own = engines_for(find_weights(model), settings, choose_computes(-1, None, "auto"))
    alpha = uncached(matte_clip(panning_clip((LENGTH,)), own))
    seen.clear()

    play(alpha)
    play(alpha)

    assert sorted(seen) == sorted([*range(LENGTH)] * 2)


@pytest.mark.slow
@pytest.mark.parametrize(("is_viewed", "times"), [(False, 2), (True, 1)])
def test_a_vote_is_kept_if_a_view_shows_it_as_well(monkeypatch, engines, is_viewed, times):
    rgb = to_viewed_rgb(read_color(panning_clip((LENGTH,))))
    steps = graph.temporal_steps(rgb, rgb, engines)
    shown = view("guidance", rgb, steps, engines[0].settings) if is_viewed else None
    calls = []
    vote = temporal.fuse
    monkeypatch.setattr(temporal, "fuse", lambda *args: calls.append(1) or vote(*args))

    play(steps.alpha)
    play(shown or steps.fused)

    assert len(calls) == times * LENGTH
