"""openMVG and openMVS, run as programs on the node or through MvgMvsPipeline.py in the container image.

`engine` is what the worker loads; `launcher` travels to the node; everything else is tables and checks. Nothing here
needs numpy.
"""
