"""A network as graphs, in arrays: what runs them is a `Runtime`, and nothing here needs torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import batched
from typing import NamedTuple, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.errors import require
from sghm_vs.models.arrays import Model
from sghm_vs.models.planes import Plane, bilinear, block_means, enlarged_part, resized
from sghm_vs.models.sghm.design import (
    EIGHTH_HALO_PX,
    EIGHTH_PX,
    GUIDE_PX,
    NEEDED,
    NO_DETAIL,
    QUARTER_PX,
    REFINER_HALO_PX,
    REFINER_STATE,
    SIXTEENTH_HALO_PX,
    SOFT_GUIDE_PX,
    SOLID,
    small_size,
)
from sghm_vs.models.sghm.squares import Part, Tile, strips, window

LOGIT_OF_SOLID = math.log(SOLID / (1 - SOLID))

type Features = tuple[Plane, ...]
"""What the encoder saw in one small picture, each (1, channels, h, w); see `graphs.features_of`."""


class CoarsePlanes(NamedTuple):
    """A picture that is matted up to a quarter of its size, and what the rest is made from."""

    image: Plane
    state: Plane
    """(1, height / 4, width / 4, channels)."""
    os8: Plane
    """Alpha made at an eighth of the size, (height, width), 0-1."""
    os4: Plane
    """The same at a quarter."""
    mask: Plane
    """(height, width)."""
    ends: tuple[Plane, ...]
    """Summand and factor of the shortcut at full size, (1, channels, 1, 1), if it has a gate."""

    def beside(self, rows: slice, columns: slice) -> tuple[Plane, ...]:
        """Return `rows` and `columns` of what the finest alpha sees beside the picture."""
        return (self.mask[rows, columns],)


class QuarterPlanes(NamedTuple):
    """The same of a refiner, which says itself where detail is needed; see `CoarsePlanes`."""

    image: Plane
    state: Plane
    logits: Plane
    """Of alpha, and of where the finest is needed, (2, height / 4, width / 4)."""
    soft: Plane
    """The guide as the finest alpha sees it, (height / 8, width / 8)."""
    ends: tuple[Plane, ...] = ()

    def needed(self) -> NDArray[np.bool_]:
        """Return where the finest alpha is needed, (height / 4, width / 4)."""
        needed: NDArray[np.bool_] = _sigmoid(self.logits[1]) > NEEDED
        return needed

    def solid(self, rows: slice, columns: slice) -> Plane:
        """Return where a part of the coarse alpha, of which no whole plane is made, is above `SOLID`."""
        logits = enlarged_part(self.logits[0], QUARTER_PX, rows, columns)
        return np.asarray(
            cv2.threshold(logits, LOGIT_OF_SOLID, 1, cv2.THRESH_BINARY)[1], np.float32
        )

    def beside(self, rows: slice, columns: slice) -> tuple[Plane, ...]:
        """Return `rows` and `columns` of what the finest alpha sees beside the picture."""
        alpha = _sigmoid(enlarged_part(self.logits[0], QUARTER_PX, rows, columns))
        return alpha, enlarged_part(self.soft, SOFT_GUIDE_PX, rows, columns)


class Runtime(Protocol):
    """What runs graphs on a device."""

    backend: str
    """Its name in `sghm_vs.models.backends.base.BACKENDS`."""
    precision: str
    """What it calculates in: float32, float16 or bfloat16."""
    squares_at_once: int
    """How many squares it makes the finest alpha of, always."""

    def run(self, part: GraphPart, inputs: Sequence[Plane]) -> list[Plane]:
        """Return the outputs of a graph, which this thread's next run of it may replace."""


class GraphPart(NamedTuple):
    """A graph of a network."""

    model: Model
    name: str
    """A function of `sghm_vs.models.graphs.network`."""
    block: int | None = None
    """See `GraphWriter.shrunk`."""

    def serialized(self) -> bytes:
        """Return the graph, as a file of ONNX has it."""
        from sghm_vs.models.graphs import network as graphs

        write = getattr(graphs, self.name)
        part = write if self.block is None else partial(write, block=self.block)
        return cast("bytes", graphs.written(self.model, part, self.name).SerializeToString())

    @property
    def key(self) -> tuple[str, int | None]:
        """What tells it from the others of its network."""
        return self.name, self.block


class GraphNetwork:
    """
    The steps of a frame by graphs; `sghm_vs.models.sghm.network.SGHM` says what each does.

    Pictures are float32 (3, height, width), 0-1, sides multiples of 64; masks (height, width).
    """

    def __init__(self, model: Model, runtime: Runtime) -> None:
        """
        Take over `model`.

        Raises:
            WeightsError: It fits no network.
            MissingPackageError: onnx is not installed.
        """
        require("onnx", extra=runtime.backend, purpose=f"backend {runtime.backend}")
        from sghm_vs.models.graphs.network import checked

        self._model = checked(model)
        self._runtime = runtime
        self.backend = runtime.backend
        self.precision = runtime.precision
        self.trusts_mask = model.row.trusts_mask
        self.is_judged = model.row.has_judge
        self.halo_px = _halo_px(self._model)

    def to_small(self, image: Plane) -> Plane:
        """Return what the encoder sees of `image`, (3, h, w)."""
        return small_of(image, self._model.row.small_px)

    def encode(self, small: Plane) -> Features:
        """Return the features of `small`, (3, h, w)."""
        return _kept(self._run("encode", small[None]))

    def see(self, small: Plane) -> tuple[Features, Plane]:
        """Return the features of `small`, (3, h, w), and the probability of a person, (h, w)."""
        *features, probability = self._run("see", small[None])
        return _kept(features), probability[0, 0].copy()

    def second_look(self, small: Plane, features: Features, *, in_floats: bool = False) -> Plane:
        """Return how likely the judge thinks a person, (h, w); see `SGHM.second_look`."""
        name = "judge_in_floats" if in_floats else "judge"
        (judgement,) = self._run(name, small[None], *features)
        probability: Plane = judgement[0, 0].copy()
        return probability

    def guide_of(self, mask: Plane) -> Plane:
        """Return what `begin` reads of `mask`, (height, width), 0-1: means of blocks of a refiner."""
        return block_means(mask, GUIDE_PX) if self._model.row.has_refiner else mask

    def begin(
        self,
        image: Plane,
        features: Features,
        guide: Plane,
        cells: NDArray[np.bool_] | None = None,
    ) -> CoarsePlanes | QuarterPlanes:
        """
        Return what is needed everywhere. It lasts until this thread's next.

        Args:
            image: The picture.
            features: Of the same picture.
            guide: Where the people are; see `guide_of`.
            cells: Those of `EIGHTH_PX` in which the alpha is looked at, (height / 8, width / 8); None
                is all. Who has no refiner makes all.
        """
        if self._model.row.has_refiner:
            return self._refined(image, features, guide, cells)
        is_gated = "shortcut.0.6.conv.weight" in self._model.arrays
        pictures = (image[None],) if is_gated else ()
        os8, os4, state, *ends = self._run(
            "begin", *pictures, guide[None, None], *features, block=self._block(image)
        )
        return CoarsePlanes(image, state, os8[0, 0], os4[0, 0], guide, tuple(ends))

    def finish(self, coarse: CoarsePlanes | QuarterPlanes, squares: Sequence[Part]) -> Plane:
        """Return the finest alpha in equal `squares`, (squares, side, side); see `SGHM.finish`."""
        made = []
        for some, filled in _batches(squares, self._runtime.squares_at_once):
            state = np.concatenate(
                [_of_last(coarse.state, square, QUARTER_PX) for square in filled]
            )
            planes = np.stack([_cut(coarse, square.rows, square.columns) for square in filled])
            (fine,) = self._run("finish", state, planes, *coarse.ends)
            made.append(fine[: len(some), 0].copy())
        return np.concatenate(made)

    def finish_all(self, coarse: CoarsePlanes | QuarterPlanes) -> Plane:
        """Return the finest alpha everywhere, (height, width)."""
        rows, columns = (slice(0, length) for length in coarse.image.shape[1:])
        planes = _cut(coarse, rows, columns)[None]
        (fine,) = self._run("finish", coarse.state, planes, *coarse.ends)
        whole: Plane = fine[0, 0].copy()
        return whole

    def _refined(
        self,
        image: Plane,
        features: Features,
        mask4: Plane,
        cells: NDArray[np.bool_] | None,
    ) -> QuarterPlanes:
        """Return what a refiner begins with; see `LightSGHM.begin`."""
        begun = self._run(
            "to_thirty_second", mask4[None, None], *features, block=self._block(image)
        )
        eighth = self._eighth(begun, cells)
        parts = None if cells is None else strips(cells)
        if parts is None:
            state, logits = self._run("to_quarter", image[None], mask4[None, None], eighth)
        else:
            state, logits = self._quarter_in_strips(image, mask4, eighth, parts)
        soft = block_means(mask4, SOFT_GUIDE_PX // GUIDE_PX)
        return QuarterPlanes(image, state, logits[0], soft)

    def _eighth(self, begun: Sequence[Plane], cells: NDArray[np.bool_] | None) -> Plane:
        """Return what is made at an eighth of the size around `cells`, elsewhere 0; None is all."""
        deep, beside16, beside8 = begun
        if cells is None:
            cells = np.ones(beside8.shape[1:3], np.bool_)
        around, inner = (window(cells, halo) for halo in (SIXTEENTH_HALO_PX, EIGHTH_HALO_PX))
        (sixteenth,) = self._run(
            "to_sixteenth", _of_last(deep, around, 32), _of_last(beside16, around, 16)
        )
        (made,) = self._run(
            "to_eighth",
            _of_last(sixteenth, inner.within(around), 16),
            _of_last(beside8, inner, EIGHTH_PX),
        )
        if made.shape[1:3] == beside8.shape[1:3]:
            return made
        whole = np.zeros((*beside8.shape[:3], made.shape[3]), np.float32)
        _of_last(whole, inner, EIGHTH_PX)[...] = made
        return whole

    def _quarter_in_strips(
        self, image: Plane, mask4: Plane, eighth: Plane, parts: Sequence[Tile]
    ) -> tuple[Plane, Plane]:
        """Return what is made at a quarter of the size in `parts`; elsewhere no detail is needed."""
        state = np.zeros((1, *mask4.shape, REFINER_STATE), np.float32)
        logits = np.zeros((1, 2, *mask4.shape), np.float32)
        logits[:, 1] = NO_DETAIL
        for strip in parts:
            around = strip.around
            of_state, of_logits = self._run(
                "to_quarter",
                around.of(image)[None],
                around.of(mask4, QUARTER_PX)[None, None],
                _of_last(eighth, around, EIGHTH_PX),
            )
            strip.paste(np.moveaxis(of_state, -1, 1), np.moveaxis(state, -1, 1), QUARTER_PX)
            strip.paste(of_logits, logits, QUARTER_PX)
        return state, logits

    def _block(self, image: Plane) -> int:
        """Return by how many whole pixels features are shrunk for a picture of the size of `image`."""
        size = image.shape[1], image.shape[2]
        small = small_size(*size, self._model.row.small_px)
        height, width = (
            QUARTER_PX * seen // whole for seen, whole in zip(small, size, strict=True)
        )
        return int(min(height, width))

    def _run(self, name: str, *inputs: Plane, block: int | None = None) -> list[Plane]:
        arrays = [np.ascontiguousarray(array) for array in inputs]
        return self._runtime.run(GraphPart(self._model, name, block), arrays)


def small_of(image: Plane, long_side_px: int | None) -> Plane:
    """Return what an encoder sees of `image`, (3, h, w); see `design.small_size`."""
    size = small_size(image.shape[1], image.shape[2], long_side_px)
    # Sampled, as the published weights expect it: 12 of 16 pixels unread.
    return bilinear(image, size) if long_side_px is None else resized(image, size)


def _kept(features: Sequence[Plane]) -> Features:
    """Return `features` for longer: other frames' take their place where the runtime put them."""
    return tuple(part.copy() for part in features)


def _batches[Each](
    each: Sequence[Each], at_once: int
) -> Iterator[tuple[Sequence[Each], Sequence[Each]]]:
    """Yield a few of `each` and, as another number would be another program, always as many."""
    for some in batched(each, at_once):
        yield some, [*some, *[some[-1]] * (at_once - len(some))]


def _cut(coarse: CoarsePlanes | QuarterPlanes, rows: slice, columns: slice) -> Plane:
    """Return a part of the picture's planes and of those beside it, (channels, h, w)."""
    beside = [plane[None] for plane in coarse.beside(rows, columns)]
    return np.concatenate([coarse.image[:, rows, columns], *beside])


def _of_last(planes: Plane, part: Part, shrunk: int) -> Plane:
    """Return `part` of `planes` (1, h, w, channels), so many times smaller than the picture."""
    return np.moveaxis(part.of(np.moveaxis(planes, -1, 1), shrunk), 1, -1)


def _sigmoid(logits: Plane) -> Plane:
    """Return 1 / (1 + exp(-logits)); of less than -80, where that would be beyond floats, as of -80."""
    result = np.maximum(logits, np.float32(-80))
    np.negative(result, out=result)
    np.exp(result, out=result)
    result += 1
    np.reciprocal(result, out=result)
    return result


def _halo_px(model: Model) -> int:
    """Return how far the finest alpha depends on its surroundings; see the torch modules."""
    if model.row.has_refiner:
        return REFINER_HALO_PX
    blocks = [name for name in model.arrays if name.startswith("refine.layer6.")]
    return QUARTER_PX * (1 + sum(name.endswith(".conv2.weight") for name in blocks))
