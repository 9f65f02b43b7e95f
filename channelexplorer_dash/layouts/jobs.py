"""The list of jobs below the jobs button."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.results.answers import Job
from channelexplorer_dash.store import StoreSize


def jobs_list(jobs: Sequence[Job]) -> list[Component]:
    """Return what the engine is doing, with the share that is done where it can be known."""
    if not jobs:
        return [html.P("Nothing is being computed.", className="ce-more")]
    return [html.Div([html.Span(job.label), *_share(job)], className="ce-job") for job in jobs]


def store_line(size: StoreSize, quota_gb: float) -> Component:
    """Return how much the store takes, of how much it may."""
    bound = f" of {quota_gb:g} GB" if quota_gb else ""
    return html.P(
        f"The store takes {size.bytes / 1e9:.2f} GB{bound}; the disk has {size.free / 1e9:,.0f} GB left.",
        className="ce-more",
    )


def _share(job: Job) -> list[Component]:
    if not job.total:
        return [html.Div(html.Div(className="ce-progress-fill"), className="ce-progress is-unknown")]
    done = 100 * job.done / job.total
    return [
        html.Span(f"{job.done:,} of {job.total:,}", className="ce-count"),
        html.Div(
            html.Div(className="ce-progress-fill", style={"width": f"{done:.0f}%"}),
            className="ce-progress",
            role="progressbar",
            **aria(label=job.label, valuemin="0", valuemax="100", valuenow=f"{done:.0f}"),
        ),
    ]
