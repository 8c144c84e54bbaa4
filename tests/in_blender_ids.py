"""
Runs inside Blender: the matte of one name in a Cryptomatte EXR file, one frame, as a float EXR.

blender --background --factory-startup --python tests/in_blender_ids.py -- \
    FILE LAYER NAME WIDTH HEIGHT OUT.exr
"""

import sys

import bpy

path, layer, name, width, height, out = sys.argv[sys.argv.index("--") + 1 :]
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = int(width), int(height)
scene.render.resolution_percentage = 100
scene.render.image_settings.file_format = "OPEN_EXR"
scene.render.image_settings.color_depth = "32"
scene.view_settings.view_transform = "Standard"
scene.render.filepath = out
scene.use_nodes = True
tree = scene.node_tree
tree.nodes.clear()
ids = tree.nodes.new("CompositorNodeCryptomatteV2")
ids.source = "IMAGE"
ids.image = bpy.data.images.load(path)
ids.layer_name = layer
ids.matte_id = name
end = tree.nodes.new("CompositorNodeComposite")
tree.links.new(ids.outputs["Matte"], end.inputs[0])
bpy.ops.render.render(write_still=True)
