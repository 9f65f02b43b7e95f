"""Peak memory of an extraction over many images, less that over few: resnet50, every leaf layer.

Each extraction is a fresh process that computes the whole way, shards and merging included, with the inline
engine. A dataset is one small array of grey noise, enlarged to the model's 224 × 224 by its own preprocessing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness import Claim

FEW, MANY = 200, 2000
CHILD = """
import resource, sys
from pathlib import Path
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec

store, images, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
explorer = Explorer(Settings(
    models=(ModelSpec(name="resnet50", source="timm:resnet50", preprocessing={"input_size": [3, size, size]}),),
    datasets=(DatasetSpec(name="noise", kind="arrays", path=images),),
    store=store, engine="inline", device="cpu",
))
%s
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
