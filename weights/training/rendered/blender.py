"""The scene in Blender: meshes, hair, camera, lights, and the renderings."""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

try:
    import bpy
except ModuleNotFoundError as error:
    msg = "rendering needs Python 3.11 with bpy; weights/training/rendered/README.md says how to get it"
    raise SystemExit(msg) from error
import mathutils
import numpy as np

from weights.training.rendered.camera import FILM_MM, Camera, Light
from weights.training.rendered.figure import Figure, Piece, Standing
from weights.training.rendered.geometry import Faces, Floats
from weights.training.rendered.hair import Strands
from weights.training.rendered.looks import Look
from weights.training.rendered.materials import build_material, loaded
from weights.training.rendered.studio import Quality
from weights.training.rendered.surroundings import Thing


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what Cycles says of each tile from the terminal."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@dataclass
class Cast:
    """The objects of one person."""

    pieces: list[bpy.types.Object]
    hair: list[bpy.types.Object]
    on_face: list[bpy.types.Object]

    @property
    def all(self) -> list[bpy.types.Object]:
        """All objects."""
        return [*self.pieces, *self.hair]


def unpack_hdris(package: Path, folder: Path) -> list[Path]:
    """Write the pictures out of npm's `@pmndrs/assets`, whose files hold them as text."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(package.glob("*.exr.js")):
        target = folder / source.name.removesuffix(".js")
        found = re.search(r"base64,([A-Za-z0-9+/=]+)", source.read_text())
        if found and not target.exists():
            target.write_bytes(base64.b64decode(found[1]))
    return sorted(folder.glob("*.exr"))


def read_exr(path: Path) -> Floats:
    """Return the picture at `path` as float32 (h, w, 4), linear."""
    picture = bpy.data.images.load(str(path))
    picture.colorspace_settings.name = "Non-Color"
    width, height = picture.size
    values = np.empty(width * height * 4, np.float32)
    picture.pixels.foreach_get(values)
    bpy.data.images.remove(picture)
    return values.reshape(height, width, 4)[::-1]


def add_mesh(
    name: str,
    vertices: Floats,
    faces: Faces,
    *,
    uv: Floats | None = None,
    uv_faces: Faces | None = None,
    rest: Floats | None = None,
) -> bpy.types.Object:
    """Add a smooth mesh; `rest` are the places that its pattern is fixed to."""
    mesh = bpy.data.meshes.new(name)
    lengths = np.array([len(f) for f in faces], np.int32)
    corners = np.concatenate(faces).astype(np.int32)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", corners)
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.concatenate([[0], lengths.cumsum()[:-1]]))
    mesh.polygons.foreach_set("loop_total", lengths)
    if uv is not None and uv_faces is not None:
        layer = mesh.uv_layers.new(name="uv")
        layer.data.foreach_set("uv", uv[np.concatenate(uv_faces)].astype(np.float32).ravel())
    rest = vertices * 10 if rest is None else rest
    fixed = mesh.attributes.new("rest", "FLOAT_VECTOR", "POINT")
    fixed.data.foreach_set("vector", np.ascontiguousarray(rest, np.float32).ravel())
    mesh.update(calc_edges=True)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
    added = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(added)
    return added


def move_mesh(target: bpy.types.Object, vertices: Floats) -> None:
    """Put the vertices of a mesh elsewhere."""
    target.data.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    target.data.update()


def add_piece(piece: Piece, vertices: Floats, look: Look, *, folds: bool) -> bpy.types.Object:
    """Add a piece of a person: finer, folded and thick as it says."""
    added = add_mesh(
        piece.name,
        vertices,
        piece.faces,
        uv=piece.uv,
        uv_faces=piece.uv_faces,
        rest=piece.rest,
    )
    added.data.materials.append(build_material(look))
    if piece.subdivisions:
        finer = added.modifiers.new("finer", "SUBSURF")
        finer.levels = finer.render_levels = piece.subdivisions
    if piece.folds_m and folds:
        texture = bpy.data.textures.new("folds", "CLOUDS")
        texture.noise_scale = 0.09
        displaced = added.modifiers.new("folds", "DISPLACE")
        displaced.texture = texture
        displaced.texture_coords = "LOCAL"
        displaced.strength = piece.folds_m
    if piece.thickness_m:
        added.modifiers.new("thick", "SOLIDIFY").thickness = piece.thickness_m
    return added


def add_hair(strands: Strands, material: bpy.types.Material) -> bpy.types.Object:
    """Add strands."""
    count, points, _ = strands.points.shape
    curves = bpy.data.hair_curves.new("hair")
    curves.add_curves([points] * count)
    if not curves.attributes.get("radius"):
        curves.attributes.new("radius", "FLOAT", "POINT")
    curves.materials.append(material)
    added = bpy.data.objects.new("hair", curves)
    bpy.context.scene.collection.objects.link(added)
    move_hair(added, strands)
    return added


def move_hair(target: bpy.types.Object, strands: Strands, thicker: float = 1.0) -> None:
    """Put strands elsewhere, at another thickness."""
    attributes = target.data.attributes
    attributes["position"].data.foreach_set("vector", strands.points.ravel())
    attributes["radius"].data.foreach_set("value", (strands.radii * thicker).ravel())
    target.data.update_tag()


def add_person(figure: Figure, standing: Standing, *, folds: bool = True) -> Cast:
    """Add a person."""
    pieces = [
        add_piece(piece, mesh, piece.look, folds=folds)
        for piece, mesh in zip(figure.pieces, standing.meshes, strict=True)
    ]
    hair_material = build_material(figure.hair_look)
    hair = [add_hair(strands, hair_material) for strands in standing.hair]
    on_face = [o for o, piece in zip(pieces, figure.pieces, strict=True) if piece.on_face]
    return Cast(pieces, hair, on_face)


def move_person(cast: Cast, standing: Standing, thicker: float) -> None:
    """Put a person into another pose."""
    for piece, mesh in zip(cast.pieces, standing.meshes, strict=True):
        move_mesh(piece, mesh)
    for hair, strands in zip(cast.hair, standing.hair, strict=True):
        move_hair(hair, strands, thicker)


def add_thing(thing: Thing) -> bpy.types.Object:
    """Add a thing, its edges sharp."""
    added = add_mesh(thing.name, thing.vertices, thing.faces)
    added.data.polygons.foreach_set("use_smooth", np.zeros(len(thing.faces), bool))
    added.data.materials.append(build_material(thing.look))
    return added


def start(quality: Quality) -> bpy.types.Scene:
    """Empty the scene and set Cycles up."""
    for kept in (
        bpy.data.objects,
        bpy.data.textures,
        bpy.data.meshes,
        bpy.data.materials,
        bpy.data.hair_curves,
        bpy.data.lights,
        bpy.data.cameras,
    ):
        for item in list(kept):
            kept.remove(item)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.threads_mode = "FIXED"
    scene.render.threads = quality.threads
    scene.render.use_persistent_data = True
    scene.render.film_transparent = True
    scene.render.resolution_percentage = 100
    file = scene.render.image_settings
    file.file_format, file.color_depth, file.color_mode = "OPEN_EXR", "32", "RGBA"
    file.exr_codec = "NONE"
    scene.view_settings.view_transform = "Standard"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.diffuse_bounces = cycles.glossy_bounces = quality.bounces
    cycles.transmission_bounces = 3
    cycles.transparent_max_bounces = 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4
    cycles.blur_glossy = 1
    cycles.filter_width = 1.3
    scene.cycles_curves.shape = "RIBBONS"
    scene.cycles_curves.subdivisions = quality.hair_subdivisions
    scene.world = bpy.data.worlds[0] if bpy.data.worlds else bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    return scene


def add_camera(scene: bpy.types.Scene, camera: Camera) -> bpy.types.Object:
    """Add a camera and look through it."""
    data = bpy.data.cameras.new("camera")
    data.lens, data.sensor_width = camera.lens_mm, FILM_MM
    data.shift_x, data.shift_y = camera.shift
    if camera.f_stop is not None:
        data.dof.use_dof = True
        data.dof.focus_distance = camera.focus_m
        data.dof.aperture_fstop = camera.f_stop
    added = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(added)
    scene.camera = added
    scene.render.resolution_x, scene.render.resolution_y = camera.size
    move_camera(added, camera)
    return added


def move_camera(target: bpy.types.Object, camera: Camera) -> None:
    """Put a camera elsewhere."""
    target.location = camera.place
    target.rotation_euler = mathutils.Matrix(camera.axes.tolist()).to_euler()


def add_lamp(scene: bpy.types.Scene, light: Light, middle: Floats) -> list[bpy.types.Object]:
    """Add the lamp of a light, if it has one."""
    if light.lamp is None:
        return []
    data = bpy.data.lights.new("lamp", light.lamp.kind)
    data.energy, data.color = light.lamp.energy, light.lamp.color
    if light.lamp.kind == "SUN":
        data.angle = light.lamp.size
    else:
        data.size = light.lamp.size
    added = bpy.data.objects.new("lamp", data)
    towards = mathutils.Vector(light.lamp.towards.tolist())
    added.rotation_euler = towards.to_track_quat("Z", "Y").to_euler()
    added.location = middle + light.lamp.towards * 3
    scene.collection.objects.link(added)
    return [added]


def light_world(scene: bpy.types.Scene, light: Light, hdri: Path) -> bpy.types.Node:
    """Light the scene by its surroundings; return the node that has the strength."""
    tree = scene.world.node_tree
    tree.nodes.clear()
    names = (
        "ShaderNodeTexCoord",
        "ShaderNodeMapping",
        "ShaderNodeTexEnvironment",
        "ShaderNodeBackground",
        "ShaderNodeOutputWorld",
    )
    where, turned, picture, background, world = (tree.nodes.new(n) for n in names)
    picture.image = loaded(hdri, color=False)
    turned.inputs["Rotation"].default_value[2] = light.turn
    background.inputs["Strength"].default_value = light.strength
    for source, target in (
        (where.outputs["Generated"], turned.inputs[0]),
        (turned.outputs[0], picture.inputs[0]),
        (picture.outputs[0], background.inputs[0]),
        (background.outputs[0], world.inputs[0]),
    ):
        tree.links.new(source, target)
    return background


@dataclass
class Set:
    """A scene that is ready: people, things, camera and light."""

    scene: bpy.types.Scene
    quality: Quality
    people: list[Cast]
    things: list[bpy.types.Object]
    shadow_only: list[bpy.types.Object]
    scratch: Path
    lamps: list[bpy.types.Object] = field(default_factory=list)
    background: bpy.types.Node | None = None
    strength: float = 1.0
    camera: bpy.types.Object | None = None

    def prepare(self, camera: Camera, light: Light, hdri: Path) -> None:
        """Put camera and light in, instead of earlier ones."""
        for old in [*self.lamps, *([self.camera] if self.camera else [])]:
            bpy.data.objects.remove(old)
        self.camera = add_camera(self.scene, camera)
        self.background = light_world(self.scene, light, hdri)
        self.strength = light.strength
        self.lamps = add_lamp(self.scene, light, camera.middle)

    def rendering(self, seed: int, samples: int, threshold: float, bounces: int) -> Floats:
        """Render and return float32 (h, w, 4), premultiplied."""
        cycles = self.scene.cycles
        cycles.seed, cycles.samples = seed, samples
        cycles.use_adaptive_sampling = True
        cycles.adaptive_threshold = threshold
        cycles.max_bounces = bounces
        path = self.scratch / "rendering.exr"
        self.scene.render.filepath = str(path)
        with quiet():
            bpy.ops.render.render(write_still=True)
        return read_exr(path)

    def show(self, *, people: str, things: str) -> None:
        """Say of people and things whether they are `seen`, cut out as a `holdout`, or `hidden`."""
        for cast in self.people:
            for shown in cast.all:
                shown.is_holdout = people == "holdout"
        for thing in self.things:
            thing.is_holdout = things == "holdout"
            thing.hide_render = False
        for floor in self.shadow_only:
            floor.hide_render = things != "seen"
            floor.is_shadow_catcher = True

    def denoised(self, *, on: bool) -> None:
        """Switch Open Image Denoise on or off."""
        cycles = self.scene.cycles
        cycles.use_denoising = on
        if on:
            cycles.denoiser = "OPENIMAGEDENOISE"
            cycles.denoising_input_passes = "RGB_ALBEDO"
            cycles.denoising_prefilter = cycles.denoising_quality = "FAST"

    def color(self, seed: int, samples: int) -> Floats:
        """Render the people's color (h, w, 3), premultiplied; things are cut out."""
        self.scene.view_layers[0].material_override = None
        self.show(people="seen", things="holdout")
        self.scene.cycles.adaptive_min_samples = min(4, samples)
        self.denoised(on=True)
        return self.rendering(seed, samples, 0.05, self.quality.bounces + 2)[..., :3]

    def alpha(self, seed: int, samples: int) -> Floats:
        """Render the people's coverage (h, w): flat, unlit, many samples where an edge is."""
        self.scene.view_layers[0].material_override = flat_material()
        self.show(people="seen", things="holdout")
        self.scene.cycles.adaptive_min_samples = min(12, samples)
        self.denoised(on=False)
        self.background.inputs["Strength"].default_value = 0
        unlit = [*self.lamps, *(o for cast in self.people for o in cast.on_face)]
        for item in unlit:
            item.hide_render = True
        found = self.rendering(seed, samples, 0.01, 0)[..., 3]
        for item in unlit:
            item.hide_render = False
        self.background.inputs["Strength"].default_value = self.strength
        return found

    def front(self, seed: int, samples: int) -> Floats:
        """Render things and shadows (h, w, 4), premultiplied; people are cut out."""
        self.scene.view_layers[0].material_override = None
        self.show(people="holdout", things="seen")
        self.scene.cycles.adaptive_min_samples = min(8, samples)
        self.denoised(on=True)
        return self.rendering(seed, samples, 0.02, self.quality.bounces + 2)


def flat_material() -> bpy.types.Material:
    """Return a material that glows, for coverage alone."""
    found = bpy.data.materials.get("flat")
    if found is None:
        found = bpy.data.materials.new("flat")
        found.use_nodes = True
        nodes = found.node_tree.nodes
        nodes.clear()
        glow, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
        found.node_tree.links.new(glow.outputs[0], output.inputs[0])
    return found


def build_set(
    figures: Sequence[Figure],
    people: Sequence[Standing],
    things: Sequence[Thing],
    quality: Quality,
    scratch: Path,
    *,
    folds: bool = True,
) -> Set:
    """Put people and things into an empty scene."""
    scene = start(quality)
    casts = [add_person(f, s, folds=folds) for f, s in zip(figures, people, strict=True)]
    added = [(thing, add_thing(thing)) for thing in things]
    return Set(
        scene,
        quality,
        casts,
        [o for thing, o in added if not thing.catches_shadow_only],
        [o for thing, o in added if thing.catches_shadow_only],
        scratch,
    )
