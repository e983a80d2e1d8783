"""From source to the first answer of ResNet-50: build or trace, optimise, plan, run. Weights are there already."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from harness.workload import Workload
from networks import resnet50
from workloads.pictures import inference

drawn = cache(resnet50.weights)
RESNET = replace(inference(resnet50, "resnet50_b1", 1), weights=drawn)
BUILDERS = RESNET.builders()
WORKLOADS = [
    Workload(
        "first_answer",
        "from source to first answer, ResNet-50",
        {**BUILDERS, "penstock": RESNET.penstock_source, "penstock_file": RESNET.penstock},
        goal=1.0,
        tags=frozenset({"first"}),
        prepare=RESNET.prepare,
        draw=drawn,
    )
]
