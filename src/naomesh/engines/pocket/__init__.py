"""A photogrammetry engine from wheels alone: pycolmap, OpenCV, numpy and scipy, on the CPU.

`engine` is what the worker loads (it imports nothing heavy); everything else runs on the node, one process per step:
`python -m naomesh.engines.pocket NUMBER --quality good|bad --threads N`, with the workspace as the current folder.
"""
