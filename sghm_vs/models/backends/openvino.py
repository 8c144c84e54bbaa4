"""The network's parts as OpenVINO programs: faster on CPUs, above all where they have bfloat16."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import batched
from typing import Any, cast

import torch
from torch import Tensor, nn

from sghm_vs.errors import SettingsError, cure, require
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.streams import streams_on_cpu
from sghm_vs.models.resampling import block_means
from sghm_vs.models.sghm.encoder import Features
from sghm_vs.models.sghm.matting_decoder import QUARTER_PX, Coarse
from sghm_vs.models.sghm.network import (
    QUARTER_TILE_PX,
    SGHM,
    CoarseOutput,
    LightSGHM,
    light_output,
    quarter_in_tiles,
    sides,
)
from sghm_vs.models.sghm.refiner import GUIDE_PX, Quarter
from sghm_vs.models.sghm.shortcuts import Affine, AttentiveShortcut, TiledShortcut
from sghm_vs.models.sghm.squares import Square, beside, squares_of, tiles_in

SQUARES_AT_ONCE = 4
TOO_LIGHT_FOR_HALF = "sghm-lite"
"""The architecture of the ninth weights: in bfloat16 its alphas are up to 19/255 off."""
PROGRAMS_MAX = 16
"""Four sizes of pictures; the one that was not used for longest goes, as each holds weights."""

type Key = tuple[object, ...]
"""A part, and the shapes of what goes in."""


def place(network: SGHM, architecture: str, compute: Compute) -> OpenVinoNetwork:
    """
    Return `network` as programs of OpenVINO.

    Raises:
        MissingPackageError: OpenVINO is not installed.
        SettingsError: The network is too light for half precision.
    """
    if compute.fp16 and architecture == TOO_LIGHT_FOR_HALF:
        how = cure(script="fp16=False", typed="--no-fp16")
        msg = f"fp16 by OpenVINO is too coarse for {architecture}; use {how}"
        raise SettingsError(msg)
    return OpenVinoNetwork(network, half=bool(compute.fp16), streams=streams_on_cpu())


class OpenVinoNetwork:
    """
    What `SGHM` does in inference, by programs made for each size of picture when it is first seen.

    Each program runs on one core for each frame; as many frames as there are `streams` run at once.
    """

    backend = "openvino"
    dtype = torch.float32

    def __init__(self, network: SGHM, *, half: bool, streams: int) -> None:
        """
        Take over `network`, float32 on the CPU.

        Args:
            network: Whose weights the programs hold.
            half: Whether to calculate in bfloat16, where the CPU has it.
            streams: Frames at once.

        Raises:
            MissingPackageError: OpenVINO is not installed.
        """
        self._core = require("openvino", extra="openvino", purpose="backend openvino").Core()
        self._core.set_property(
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
                "INFERENCE_NUM_THREADS": streams,
                "NUM_STREAMS": streams,
            },
        )
        self._network = network
        self._programs: OrderedDict[Key, _Program] = OrderedDict()
        self._making = threading.Lock()
        self.trusts_mask = network.trusts_mask
        self.halo_px = network.halo_px

    def to_small(self, image: Tensor) -> Tensor:
        """Return what the encoder sees of `image`; see `SGHM`."""
        return self._network.to_small(image)

    def encode(self, image: Tensor) -> Features:
        """Return the features of `image`; see `SGHM`."""
        return self.encode_small(self.to_small(image))

    def encode_small(self, small: Tensor) -> Features:
        """Return the features of `small`; see `SGHM`."""
        # Kept while other frames are encoded, whose output takes the same place.
        return Features(*(part.clone() for part in self._run(_Encode, small)))

    def segment(self, features: Features) -> Tensor:
        """Return the probability of a person; see `SGHM`."""
        return self._run(_Segment, *features)[0].clone()

    def begin(
        self, image: Tensor, features: Features, mask: Tensor, cells: Tensor | None = None
    ) -> CoarseOutput:
        """Return what is needed everywhere; see `SGHM`. It lasts until this thread's next."""
        if isinstance(self._network, LightSGHM):
            mask4 = block_means(mask, GUIDE_PX)
            return light_output(image, mask4, *self._light_quarter(image, mask4, features, cells))
        # Without a gate nothing of a program's looks at the picture at full size.
        looked_at = (image,) if isinstance(self._network.shortcut[0], AttentiveShortcut) else ()
        os8, os4, state, *ends = self._run(_Begin, mask, *features, *looked_at)
        # Of the shortcut at full size only its gate comes out, and squares make it anew: to bring all
        # of it into torch's order took twice as long as to make it.
        finish = Affine(*ends) if ends else self._network.shortcut[0]
        return CoarseOutput(Coarse(os8, os4, state), TiledShortcut((image, mask), finish))

    def _light_quarter(
        self, image: Tensor, mask4: Tensor, features: Features, cells: Tensor | None
    ) -> Quarter:
        """Return what the light network makes at a quarter of the size; see `LightSGHM.begin`."""
        refiner = cast("LightSGHM", self._network).refiner
        (eighth,) = self._run(_Eighth, mask4, *features)
        made_of = image, mask4, eighth
        tiles = None
        if cells is not None:
            tiles = tiles_in(cells, QUARTER_TILE_PX, refiner.quarter_halo_px, *image.shape[2:])
        if tiles is None:
            return self._quarter(*made_of)
        return quarter_in_tiles(self._quarter, *made_of, tiles, refiner.up4.out_channels)

    def _quarter(self, image: Tensor, mask4: Tensor, eighth: Tensor) -> Quarter:
        return Quarter(*self._run(_Quarter, image, mask4, eighth))

    def finish(self, coarse_output: CoarseOutput, squares: Sequence[Square]) -> Tensor:
        """Return the finest alpha in `squares`; see `SGHM`."""
        fine = []
        for some in batched(squares, SQUARES_AT_ONCE):
            # Always as many: another number would be another program.
            filled = [*some, *[some[-1]] * (SQUARES_AT_ONCE - len(some))]
            state = squares_of(coarse_output.coarse.state, filled, QUARTER_PX)
            planes = beside([squares_of(planes, filled) for planes in coarse_output.full.planes])
            (found,) = self._run(_Fine, state, planes, *_full_size_means(coarse_output))
            fine.append(found[: len(some)].clone())
        return torch.cat(fine)

    def finish_all(self, coarse_output: CoarseOutput) -> Tensor:
        """Return the finest alpha everywhere; see `SGHM`."""
        return self._run(
            _Fine,
            coarse_output.coarse.state,
            beside(coarse_output.full.planes),
            *_full_size_means(coarse_output),
        )[0]

    def _run(self, part: type[_Part], *inputs: Tensor) -> list[Tensor]:
        """Return the outputs, which this thread's next run of the same program replaces."""
        arrays = [tensor.contiguous().numpy() for tensor in inputs]
        key = part, *(array.shape for array in arrays)
        with self._making:
            if key not in self._programs:
                self._programs[key] = _Program(self._compiled(part, inputs))
                while len(self._programs) > PROGRAMS_MAX:
                    self._programs.popitem(last=False)
            program = self._programs[key]
            self._programs.move_to_end(key)
        outputs = program.request().infer(arrays, share_inputs=True, share_outputs=True)
        return [torch.from_numpy(outputs[at]) for at in range(len(outputs))]

    def _compiled(self, part: type[_Part], inputs: Sequence[Tensor]) -> Any:
        examples = tuple(torch.zeros_like(tensor, requires_grad=False) for tensor in inputs)
        with torch.inference_mode(mode=False), torch.no_grad():
            exported = torch.export.export(part(self._network), examples)
        return self._core.compile_model(_converted(exported), "CPU")


def _converted(exported: torch.export.ExportedProgram) -> Any:
    """
    Return `exported` as an OpenVINO model, by the steps of `openvino.convert_model` alone.

    That one calls home besides, from copies of this process that a thread forks: a lock that another
    thread held stays locked in them, and what they keep open stays open.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder

    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchFXPythonDecoder.from_exported_program(exported)
    return frontend.convert(frontend.load(decoder))


class _Program:
    """A part for inputs of one size, and for each thread a way to run it."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._requests = threading.local()

    def request(self) -> Any:
        """Return this thread's."""
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        return self._requests.own


class _Part(nn.Module):
    """A method of the network with tensors in and out, as programs are made from."""

    def __init__(self, network: SGHM) -> None:
        super().__init__()
        self.network = network


class _Encode(_Part):
    def forward(self, small: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.encode_small(small))


class _Segment(_Part):
    def forward(self, *features: Tensor) -> Tensor:
        return self.network.segment(Features(*features))


class _Begin(_Part):
    def forward(self, mask: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        features, image = Features(*inputs[:5]), inputs[5:]
        coarse_output = self.network.begin(
            image[0] if image else mask.expand(-1, 3, -1, -1), features, mask
        )
        return *coarse_output.coarse, *_full_size_means(coarse_output)


class _Eighth(_Part):
    def forward(self, mask4: Tensor, *features: Tensor) -> Tensor:
        refiner = cast("LightSGHM", self.network).refiner
        height, width = (QUARTER_PX * length for length in mask4.shape[2:])
        return refiner.to_eighth(mask4, sides(Features(*features), height, width))


class _Quarter(_Part):
    def forward(self, image: Tensor, mask4: Tensor, eighth: Tensor) -> tuple[Tensor, ...]:
        return tuple(cast("LightSGHM", self.network).refiner.to_quarter(image, mask4, eighth))


class _Fine(_Part):
    def forward(self, state: Tensor, planes: Tensor, *ends: Tensor) -> Tensor:
        if isinstance(self.network, LightSGHM):
            refined: Tensor = self.network.refiner.fine(state, planes)
            return refined
        shortcut = self.network.shortcut[0]
        if isinstance(shortcut, AttentiveShortcut):
            full = Affine(*ends)(shortcut.ungated(planes))
        else:
            full = shortcut(planes)
        fine: Tensor = self.network.refine.fine(state, full)
        return fine


def _full_size_means(coarse_output: CoarseOutput) -> tuple[Tensor, ...]:
    """Return what the means of the whole picture make of the shortcut at full size, if they do."""
    finish = coarse_output.full.finish
    return tuple(finish) if isinstance(finish, Affine) else ()
