"""Of states on their way from noise: how far the classes are apart at each timestep."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.core.steps import measure_by_step
from channelexplorer_dash.extraction.derivations.registry import derives, sample_of
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.store import Kind, Store


@derives("step_measure")
def _step_measure(store: Store, plan: Derivation) -> None:
    wanted = plan.parameters
    ids, labels = sample_of(store, plan)
    rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    at = np.asarray(store.array(Kind.ARRAY, wanted["timesteps"]))[ids]
    steps, values = measure_by_step(rows, labels, at, wanted["measure"], wanted["neighbours"])
    store.publish_record(plan.key, {"timesteps": steps.tolist(), "values": values.tolist()})
