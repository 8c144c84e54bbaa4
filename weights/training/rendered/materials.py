"""Cycles' materials of the looks in `looks.py`."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path
from typing import Any

import bpy

from weights.training.rendered.looks import Color, Fabric, HairLook, Picture, Plain


def loaded(path: Path, *, color: bool = True) -> bpy.types.Image:
    """Return a picture, loaded once."""
    picture = bpy.data.images.load(str(path), check_existing=True)
    picture.colorspace_settings.name = "sRGB" if color else "Non-Color"
    return picture


class Graph:
    """A material's nodes."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.output = self.node("OutputMaterial")

    def node(self, kind: str, **settings: Any) -> bpy.types.Node:
        """Add a node; `settings` are its properties."""
        added = self.tree.nodes.new("ShaderNode" + kind)
        for key, value in settings.items():
            setattr(added, key, value)
        return added

    def feed(self, source: Any, node: bpy.types.Node, name: str | int) -> bpy.types.Node:
        """Feed a socket, or a value, to a node's input."""
        if isinstance(source, bpy.types.NodeSocket):
            self.tree.links.new(source, node.inputs[name])
        else:
            node.inputs[name].default_value = source
        return node

    def surface(self, roughness: float, specular: float = 0.4) -> bpy.types.Node:
        """Add the principled surface and make it the output."""
        added = self.node("BsdfPrincipled")
        self.feed(roughness, added, "Roughness")
        self.feed(specular, added, "Specular IOR Level")
        self.feed(added.outputs[0], self.output, "Surface")
        return added

    def ramp(self, source: Any, low: float, high: float) -> Any:
        """Return 0 below `low`, 1 above `high`."""
        added = self.node("MapRange")
        for value, name in ((source, "Value"), (low, "From Min"), (high, "From Max")):
            self.feed(value, added, name)
        return added.outputs[0]

    def texture(self, kind: str, where: Any, scale: float, output: str, **settings: Any) -> Any:
        """Return a texture's value at `where`."""
        added = self.node("Tex" + kind, **settings)
        self.feed(where, added, "Vector")
        self.feed(scale, added, "Scale")
        return added.outputs[output]


def rgba(color: Color) -> tuple[float, float, float, float]:
    """Return a color with alpha 1."""
    return (*color, 1.0)


@singledispatch
def build_material(look: object) -> bpy.types.Material:
    """Build the material of a look."""
    msg = f"no material for {look!r}"
    raise TypeError(msg)


def pattern_of(graph: Graph, fabric: Fabric, where: Any) -> Any:
    """Return which of a fabric's two colors is where, 0 or 1; None for plain cloth."""
    scale, pattern = fabric.scale, fabric.pattern
    if pattern == "stripes":
        wave = graph.texture("Wave", where, scale, "Fac", bands_direction=fabric.direction)
        return graph.ramp(wave, 0.48, 0.55)
    if pattern == "plaid":
        mean = graph.node("Math", operation="MULTIPLY_ADD")
        both = [
            graph.ramp(graph.texture("Wave", where, scale, "Fac", bands_direction=d), 0.4, 0.6)
            for d in "XY"
        ]
        half = graph.node("Math", operation="MULTIPLY")
        graph.feed(both[0], half, 0)
        graph.feed(0.5, half, 1)
        graph.feed(both[1], mean, 0)
        graph.feed(0.5, mean, 1)
        graph.feed(half.outputs[0], mean, 2)
        return mean.outputs[0]
    if pattern == "spots":
        spots = graph.texture("Voronoi", where, scale * 1.7, "Distance")
        return graph.ramp(spots, 0.25, 0.3)
    if pattern == "print":
        return graph.ramp(graph.texture("Noise", where, scale, "Fac"), 0.48, 0.56)
    return None


@build_material.register
def _(look: Fabric) -> bpy.types.Material:
    graph = Graph("fabric")
    surface = graph.surface(look.roughness, look.specular)
    where = graph.node("Attribute", attribute_name="rest").outputs["Vector"]
    share = pattern_of(graph, look, where)
    if share is None:
        graph.feed(rgba(look.first), surface, "Base Color")
    else:
        mix = graph.node("MixRGB")
        graph.feed(share, mix, "Fac")
        graph.feed(rgba(look.first), mix, "Color1")
        graph.feed(rgba(look.second), mix, "Color2")
        graph.feed(mix.outputs[0], surface, "Base Color")
    crease = graph.texture("Noise", where, look.crease_scale, "Fac")
    bump = graph.node("Bump")
    graph.feed(look.crease_strength, bump, "Strength")
    graph.feed(look.crease_depth_m, bump, "Distance")
    graph.feed(crease, bump, "Height")
    graph.feed(bump.outputs[0], surface, "Normal")
    return graph.material


def color_of(graph: Graph, look: Picture, surface: bpy.types.Node) -> Any:
    """Return the color of a picture, before any tint; feeds its alpha to the surface."""
    if look.path is None or not look.path.exists():
        plain = graph.node("RGB")
        plain.outputs[0].default_value = rgba(look.instead)
        return plain.outputs[0]
    picture = graph.node("TexImage", image=loaded(look.path))
    if look.see_through:
        graph.feed(picture.outputs["Alpha"], surface, "Alpha")
    return picture.outputs["Color"]


@build_material.register
def _(look: Picture) -> bpy.types.Material:
    graph = Graph("picture")
    surface = graph.surface(look.roughness, look.specular)
    color = color_of(graph, look, surface)
    if look.hue:
        changed = graph.node("HueSaturation")
        for name, value in zip(("Hue", "Saturation", "Value"), look.hue, strict=True):
            graph.feed(value, changed, name)
        color = graph.feed(color, changed, "Color").outputs[0]
    if look.tint:
        product = graph.node("MixRGB", blend_type="MULTIPLY")
        graph.feed(1.0, product, "Fac")
        graph.feed(rgba(look.tint), product, "Color2")
        color = graph.feed(color, product, "Color1").outputs[0]
    graph.feed(color, surface, "Base Color")
    if look.bumps and look.bumps.exists():
        picture = graph.node("TexImage", image=loaded(look.bumps, color=False))
        bumps = graph.node("NormalMap")
        graph.feed(0.6, bumps, "Strength")
        graph.feed(picture.outputs["Color"], bumps, "Color")
        graph.feed(bumps.outputs[0], surface, "Normal")
    return graph.material


@build_material.register
def _(look: Plain) -> bpy.types.Material:
    graph = Graph("plain")
    surface = graph.surface(look.roughness)
    graph.feed(rgba(look.color), surface, "Base Color")
    graph.feed(look.metallic, surface, "Metallic")
    return graph.material


def mixed(graph: Graph, share: float, first: Any, second: Any) -> Any:
    """Return `share` of the second shader over the first."""
    added = graph.node("MixShader")
    graph.feed(share, added, 0)
    graph.feed(first, added, 1)
    graph.feed(second, added, 2)
    return added.outputs[0]


@build_material.register
def _(look: HairLook) -> bpy.types.Material:
    """Two hair lobes on a diffuse color: much cheaper than Cycles' principled hair."""
    graph = Graph("hair")
    lighter = graph.node("MapRange")
    graph.feed(graph.node("HairInfo").outputs["Random"], lighter, "Value")
    graph.feed(0.6, lighter, "To Min")
    graph.feed(1.4, lighter, "To Max")
    varied = graph.node("VectorMath", operation="SCALE")
    graph.feed(look.color, varied, 0)
    graph.feed(lighter.outputs[0], varied, "Scale")
    color = varied.outputs[0]
    diffuse = graph.feed(color, graph.node("BsdfDiffuse"), "Color").outputs[0]
    through = graph.node("BsdfHair", component="Transmission")
    reflected = graph.node("BsdfHair", component="Reflection")
    shine = tuple(min(1.0, c * 0.5 + 0.12) for c in look.color)
    for node, value, along, around in (
        (through, color, 0.4, 0.6),
        (reflected, rgba(shine), look.roughness, 0.8),
    ):
        graph.feed(value, node, "Color")
        graph.feed(along, node, "RoughnessU")
        graph.feed(around, node, "RoughnessV")
    body = mixed(graph, 0.35, diffuse, through.outputs[0])
    graph.feed(mixed(graph, look.shine, body, reflected.outputs[0]), graph.output, "Surface")
    return graph.material
