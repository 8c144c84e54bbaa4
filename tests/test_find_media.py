"""The media of an edit: which file a clip means, and which frames of it."""

import unicodedata
from fractions import Fraction
from pathlib import Path

import pytest

from sghm_vs.errors import SourceError
from sghm_vs.media.probe import Media
from sghm_vs.media.sequences import SequencePath
from sghm_vs.media.timecode import Timecode
from sghm_vs.options import FrameRange
from sghm_vs.shots.timeline.find_media import (
    MediaFinder,
    counted_rate,
    frames_shown,
    media_frames_each,
    name_key,
)
from sghm_vs.shots.timeline.media_names import files_of, names_of
from sghm_vs.shots.timeline.ranges import Use
from sghm_vs.shots.timeline.read import Cut
from tests.standin import write_movie, write_sequence

FILM, NTSC, PAL = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)


def cut(start: int = 0, length: int = 4, rate: Fraction | int = 24, **said: object) -> Cut:
    return Cut(number=0, track="V1", start=start, length=length, rate=Fraction(rate),
               **{"name": "shot 010", "reel": "", **said})  # fmt: skip


def media(rate: Fraction | int, code: str | None = None, **said: object) -> Media:
    rate = Fraction(rate)
    timecode = None if code is None else Timecode.parse(code, rate, said.pop("count", None))
    return Media(path=Path("/m/a.mov"), kind="movie", frames=FrameRange(0, 99), rate=rate,
                 timecode=timecode, **said)  # fmt: skip


@pytest.mark.parametrize("hour", [0, 1, 9, 23])
@pytest.mark.parametrize(
    ("edit", "footage", "code", "source", "first", "frames"),
    [
        (NTSC, 2 * NTSC, ":", 10, 20, 20),
        (NTSC, 2 * NTSC, ";", 10, 20, 20),
        (NTSC, 4 * NTSC, ";", 10, 40, 40),
        (NTSC, FILM, ":", 20, 16, 8),
        (FILM, NTSC, ":", 12, 15, 12),
        (FILM, 2 * FILM, ":", 10, 20, 20),
        (2 * NTSC, NTSC, ":", 10, 5, 5),
        (PAL, 2 * PAL, ":", 10, 20, 20),
        (24, FILM, ":", 10, 10, 10),
        (FILM, 24, ":", 10, 10, 10),
        (30, 2 * NTSC, ":", 10, 20, 20),
        (2 * NTSC, 30, ":", 10, 5, 5),
        (PAL, FILM, ":", 0, 0, 10),
    ],
)  # fmt: skip
def test_every_pair_of_rates_finds_the_frame_at_any_hour(
    edit, footage, code, source, first, frames, hour
):
    start = Timecode.parse(f"{hour:02}:00:00{code}{source:02}", Fraction(edit)).frame
    shown = frames_shown(cut(start, 10, edit), media(footage, f"{hour:02}:00:00{code}00"))

    assert (shown.first, len(shown)) == (
        round(first if edit != 24 or footage != PAL else 12.5),
        frames,
    )


@pytest.mark.parametrize(
    ("rate", "count", "edit"),
    [(2 * NTSC, 30, NTSC), (50, 25, PAL), (4 * NTSC, 30, NTSC), (100, 25, PAL)],
)
def test_media_whose_timecode_counts_fewer_than_its_frames_is_found_by_it(rate, count, edit):
    found = media(rate, "10:00:00:00", count=count)
    start = Timecode.parse("10:00:00:03", edit).frame

    each = round(rate / edit)
    assert frames_shown(cut(start, 4, edit), found) == FrameRange(3 * each, 7 * each - 1)
    assert counted_rate(found) == edit


@pytest.mark.parametrize(("edit_drop", "media_code"), [(True, ":"), (False, ";")])
def test_a_number_finds_its_frame_where_edit_and_media_count_in_two_ways(edit_drop, media_code):
    start = Timecode.parse(f"01:00:00{';' if edit_drop else ':'}10", NTSC).frame
    found = media(NTSC, f"01:00:00{media_code}00")

    assert frames_shown(cut(start, 4, NTSC, is_drop=edit_drop), found) == FrameRange(10, 13)


def test_odd_rates_last_the_same_seconds():
    assert media_frames_each(Fraction(24), Fraction(2997, 250)) == Fraction(2997, 6000)


def test_a_refusal_has_the_source_time_as_the_edit_counts_it():
    start = Timecode.parse("00:02:00;12", NTSC).frame

    with pytest.raises(SourceError, match=r"shows 4 from 00:02:00;12 "):
        frames_shown(cut(start, 4, NTSC, is_drop=True), media(NTSC, "00:01:00;04"))
    with pytest.raises(SourceError, match=r"from 00:02:00;12 .frame 3608"):
        frames_shown(cut(start, 4, NTSC), media(NTSC, "00:01:00;04"))


def test_times_of_frames_follow_the_media_of_another_rate():
    use = Use(cut(100, 4, NTSC), media(2 * NTSC), FrameRange(20, 27), FrameRange(0, 40))

    assert [use.time_of(number) for number in (0, 20, 28)] == [90, 100, 104]


def refer(url: str, name: str = "", clip: str = "shot 010"):
    import opentimelineio as otio

    reference = otio.schema.ExternalReference(url)
    reference.name = name
    return otio.schema.Clip(clip, reference)


@pytest.mark.parametrize(
    "url",
    [
        "file://nas01/show/A001.mkv",
        "file://NAS01.local:445/show/A001.mkv",
        "file://localhost//nas01/show/A001.mkv",
        "smb://nas01/show/A001.mkv",
        "afp://user@nas01/show/A001.mkv",
        "nfs://nas01/show/A001.mkv",
        "https://example.org/show/A001.mkv?token=a/b",
        r"\\nas01\show\A001.mkv",
        r"D:\show\A001.mkv",
        "file:///D%3a/show/A001.mkv",
        "/Volumes/show/a001.MKV",
        "file://nas01/show/%41001.mkv",
        "file:/show/A001.mkv",
        "/show/A001.mkv.sub.01",
        "A001.new.02",
    ],
)
def test_media_of_any_address_is_found_by_the_files_name(url, tmp_path):
    movie = write_movie(tmp_path / "day 1" / "A001.mkv", 8)
    clip = refer(url)
    one = cut(files=files_of(clip.media_reference, tmp_path), names=names_of(clip))

    found, shown = MediaFinder([tmp_path]).find(one)

    assert (found.path, shown) == (movie, FrameRange(0, 3))


def test_the_name_that_an_edit_gives_a_file_is_tried_where_the_address_has_another(tmp_path):
    movie = write_movie(tmp_path / "A001.mkv", 8)
    clip = refer("file://nas01/show/0123.proxy", "A001.mkv")

    assert MediaFinder([tmp_path]).find(cut(names=names_of(clip)))[0].path == movie


@pytest.mark.parametrize(
    "name", ["50%25.mkv", "50% off.mkv", "what?.mkv", "take #2.mkv", "a+b.mkv"]
)
@pytest.mark.parametrize("write", [str, Path.as_uri, lambda path: f"file://localhost{path}"])
def test_marks_in_a_name_are_its_own(name, write, tmp_path):
    movie = write_movie(tmp_path / name, 8)
    clip = refer(write(movie))

    assert movie in files_of(clip.media_reference, tmp_path) or "%25" in name
    one = cut(files=files_of(clip.media_reference, tmp_path), names=names_of(clip))
    assert MediaFinder([tmp_path]).find(one)[0].path == movie


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_edit", ["NFC", "NFD"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_name_is_found_in_every_form_of_unicode(on_disk, in_edit, is_there, tmp_path):
    name = "Größe é.mkv"
    movie = write_movie(tmp_path / "m" / unicodedata.normalize(on_disk, name), 8)
    said = tmp_path / ("m" if is_there else "gone") / unicodedata.normalize(in_edit, name)
    clip = refer(said.as_uri())
    one = cut(files=files_of(clip.media_reference, tmp_path), names=names_of(clip))

    assert MediaFinder([] if is_there else [tmp_path]).find(one)[0].path == movie


@pytest.mark.parametrize(
    "name",
    ["sh.[1001-1048].png", "sh.{:04d}.png", "sh.%04d.png", "sh.####.png",
     "sh.1001.png", "SH.[1001-1024].PNG"],
)  # fmt: skip
@pytest.mark.parametrize("is_there", [True, False])
def test_a_sequence_is_found_by_every_name_that_editors_give_it(name, is_there, tmp_path):
    plate = write_sequence(tmp_path / "m", "sh.", range(1001, 1049))
    clip = refer((tmp_path / ("m" if is_there else "gone") / name).as_uri())
    files, names = files_of(clip.media_reference, tmp_path), names_of(clip)

    found, shown = MediaFinder([tmp_path]).find(cut(6, 4, files=files, names=names))

    assert (found.path, found.kind, shown) == (plate, "sequence", FrameRange(1007, 1010))


def test_times_of_a_sequence_count_from_the_frame_that_the_edit_names(tmp_path):
    """The disk has handles before it."""
    write_sequence(tmp_path, "sh.", range(993, 1049))
    finder = MediaFinder([tmp_path])
    one = cut(6, 4, names=("sh.1001.png",), first_number=1001)

    assert finder.find(one)[1] == FrameRange(1007, 1010)
    by_number = cut(1007, 4, names=("sh.1001.png",), first_number=1001)
    assert finder.find(by_number)[1] == FrameRange(1007, 1010)


def test_a_picture_alone_stays_a_picture(tmp_path):
    plate = write_sequence(tmp_path, "photo", range(7, 8)).with_name("photo0007.png")

    found, shown = MediaFinder([]).find(cut(0, 1, files=(plate,)))

    assert (found.path, found.kind, shown) == (plate, "picture", FrameRange(0, 0))


def test_names_of_one_sequence_have_one_key():
    names = ["plate.[0101-0112].jpg", "Plate.####.JPG", "plate.0101.jpg", "plate.{:04d}.jpg"]

    assert {name_key(name) for name in names} == {"plate.#.jpg"}
    assert name_key("A001C001.mov") == "a001c001.mov"


def test_what_is_not_found_is_named_with_where_it_was_sought_and_what_comes_nearest(tmp_path):
    write_movie(tmp_path / "B007C004.mkv", 8)
    clip = refer("file:///show/B007C003.mkv")
    one = cut(files=files_of(clip.media_reference, tmp_path), names=names_of(clip), reel="B007")

    with pytest.raises(SourceError) as refused:
        MediaFinder([tmp_path]).find(one)

    for words in ("B007C003.mkv or reel B007", "at /show/B007C003.mkv", f"1 media in {tmp_path}",
                  f"nearest is {tmp_path}/B007C004.mkv", "--media DIR"):  # fmt: skip
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("name", "frames"),
    [("a.[1-9].png", FrameRange(1, 9)), ("a.{:04d}.png", None), ("a.[1-9].mov", "none"),
     ("[a].png", "none"), ("a.1.png", "none")],
)  # fmt: skip
def test_frames_in_brackets_are_a_sequences(name, frames):
    found = SequencePath.in_brackets(Path(name))

    assert ("none" if found is None else found[1]) == frames
