"""
Render things that are nobody, with exact alpha, as DIR/NAME.png, straight RGBA of 16 bits.

    blender -b --python benchmarks/objects_in_blender.py -- DIR

Runs in Blender's own Python, of 3.4 and later.
"""

import random
import sys
from pathlib import Path

import bpy

SIZE_PX, SAMPLES = 512, 96
"""Alphas of 96 samples are exact to about .02 at an edge."""


def main() -> None:
    """Render each thing."""
    folder = Path(sys.argv[sys.argv.index("--") + 1]).absolute()
    for name, make in THINGS.items():
        bpy.ops.wm.read_factory_settings(use_empty=True)
        random.seed(name)
        _stage()
        make()
        _render(folder, name)


def _stage() -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = False
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = SIZE_PX
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[1].default_value = 0.6
    bpy.ops.object.light_add(type="SUN", rotation=(0.7, 0.3, 0.4))
    bpy.context.object.data.energy = 3
    bpy.ops.object.camera_add(location=(0, -6, 1.2), rotation=(1.38, 0, 0))
    scene.camera = bpy.context.object


def _colored(thing: "bpy.types.Object", color: tuple[float, float, float]) -> "bpy.types.Object":
    material = bpy.data.materials.new("color")
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1)
    shader.inputs["Roughness"].default_value = 0.6
    thing.data.materials.append(material)
    return thing


def _fur() -> None:
    bpy.ops.mesh.primitive_monkey_add(size=2.2, rotation=(0, 0, 0.5))
    animal = _colored(bpy.context.object, (0.35, 0.2, 0.1))
    animal.modifiers.new("fur", "PARTICLE_SYSTEM")
    fur = animal.particle_systems[0].settings
    fur.type, fur.count, fur.hair_length = "HAIR", 1500, 0.35
    fur.child_type, fur.rendered_child_count = "INTERPOLATED", 12
    fur.roughness_1, fur.brownian_factor = 0.05, 0.08
    fur.root_radius = 0.4


def _basket() -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=28, ring_count=16, radius=1.2)
    basket = _colored(bpy.context.object, (0.5, 0.4, 0.25))
    wire = basket.modifiers.new("wire", "WIREFRAME")
    wire.thickness = 0.05


def _leaves() -> None:
    for _ in range(220):
        at = [random.gauss(0, 0.55) for _ in range(3)]
        turned = [random.gauss(0, 3) for _ in range(3)]
        bpy.ops.mesh.primitive_circle_add(
            vertices=12, radius=0.22, fill_type="NGON", location=at, rotation=turned
        )
        bpy.context.object.scale = (0.35, 1, 1)
        _colored(bpy.context.object, (0.1, 0.3 + 0.1 * at[0], 0.08))


def _ring() -> None:
    bpy.ops.mesh.primitive_torus_add(major_radius=1.1, minor_radius=0.16, rotation=(1.2, 0.4, 0))
    _colored(bpy.context.object, (0.6, 0.6, 0.62))


def _boxes() -> None:
    for level, size in enumerate((1.3, 1.0, 0.7)):
        bpy.ops.mesh.primitive_cube_add(size=size, location=(0.1 * level, 0, level * 0.85 - 0.9))
        bpy.context.object.rotation_euler[2] = 0.5 * level
        _colored(bpy.context.object, (0.6 - 0.2 * level, 0.15, 0.1 + 0.25 * level))


def _blurred() -> None:
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4, radius=0.8)
    ball = _colored(bpy.context.object, (0.1, 0.2, 0.6))
    for frame, x in ((0, -0.5), (2, 0.5)):
        ball.location.x = x
        ball.keyframe_insert("location", frame=frame)
    scene = bpy.context.scene
    scene.frame_set(1)
    scene.render.use_motion_blur, scene.render.motion_blur_shutter = True, 0.6


def _render(folder: Path, name: str) -> None:
    scene = bpy.context.scene
    image = scene.render.image_settings
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGBA", "16"
    scene.render.filepath = str(folder / f"{name}.png")
    bpy.ops.render.render(write_still=True)


THINGS = {
    "fur": _fur,
    "basket": _basket,
    "leaves": _leaves,
    "ring": _ring,
    "boxes": _boxes,
    "blurred": _blurred,
}

if __name__ == "__main__":
    main()
