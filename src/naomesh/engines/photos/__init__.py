"""The photographs: what a folder holds, and how it becomes what every engine can read.

`survey` looks at a folder before a job is taken; `python -m naomesh.engines.photos` runs on the node, in the workspace,
and turns `uploads/` into `photos/` and `photos.json`.
"""

from naomesh.engines.photos.report import LeftOut, Photo, PhotoReport, Survey, UsedPhoto
from naomesh.engines.photos.survey import LIMIT_MEGAPIXELS, survey

__all__ = ["LIMIT_MEGAPIXELS", "LeftOut", "Photo", "PhotoReport", "Survey", "UsedPhoto", "survey"]
