"""
Runs inside Blender: a picture or a movie over red, one frame, written as a float EXR.

blender --background --factory-startup --python tests/in_blender.py -- FILE FRAME WIDTH HEIGHT OUT.exr
"""

import sys

import bpy

path, frame, width, height, out = sys.argv[sys.argv.index("--") + 1 :]
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = int(width), int(height)
scene.render.resolution_percentage = 100
scene.render.image_settings.file_format = "OPEN_EXR"
scene.render.image_settings.color_depth = "32"
scene.view_settings.view_transform = "Standard"
scene.render.filepath = out
scene.render.fps = 25


def compose() -> None:
    """Lay an EXR file over red in the compositor, in linear light."""
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    source = tree.nodes.new("CompositorNodeImage")
    source.image = bpy.data.images.load(path)
    red = tree.nodes.new("CompositorNodeRGB")
    red.outputs[0].default_value = (1, 0, 0, 1)
    over = tree.nodes.new("CompositorNodeAlphaOver")
    end = tree.nodes.new("CompositorNodeComposite")
    tree.links.new(red.outputs[0], over.inputs[1])
    tree.links.new(source.outputs[0], over.inputs[2])
    tree.links.new(over.outputs[0], end.inputs[0])
    # Said after loading: Blender makes a picture with layers a MULTILAYER.
    sys.stdout.write(f"alpha_mode {source.image.alpha_mode} source {source.image.source}\n")


def edit() -> None:
    """Lay a movie over red in the sequencer, in display code."""
    editor = scene.sequence_editor_create()
    red = editor.sequences.new_effect("red", "COLOR", 1, frame_start=1, frame_end=100)
    red.color = (1, 0, 0)
    movie = editor.sequences.new_movie("movie", path, 2, frame_start=1, fit_method="ORIGINAL")
    movie.blend_type = "ALPHA_OVER"
    scene.frame_set(1 + int(frame))
    sys.stdout.write(f"alpha_mode {movie.alpha_mode}\n")


if path.endswith(".exr"):
    compose()
else:
    edit()
bpy.ops.render.render(write_still=True)
