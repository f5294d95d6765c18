"""What the user gets: the model in the formats that viewers read, and a picture of it, in `results/`.

`python -m naomesh.engines.export` runs on the node, in the workspace, after an engine's last step.
"""
