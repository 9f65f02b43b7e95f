"""The honesty figures beside a scatterplot: what two dimensions say, beside what all say."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from channelexplorer_dash.figures.scatterplot import METHODS
from channelexplorer_dash.results.views import Honesty

MEANING = (
    "How honest the picture is, here / in all dimensions. kNN: share of images whose nearest others mostly "
    "have their label. DSC (distance consistency): share of images nearest to the mean of their own class. "
    "Trust (trustworthiness): 1 where all neighbours in the picture are neighbours in the layer, too."
)


def honesty_line(found: Honesty) -> list[Component]:
    """Return the figures, and a flag where the picture is not to be believed."""
    (knn, all_knn), (consistency, all_consistency) = found.knn, found.consistency
    trust = "–" if found.trust is None else f"{found.trust:.2f}"
    method = METHODS.get(found.method, found.method)
    warning = "This picture misleads: " + "; ".join(found.flags) + "." if found.flags else ""
    figures = html.Span(
        [
            _figure("kNN", f"{knn:.2f} / {all_knn:.2f}"),
            _figure("DSC", f"{consistency:.2f} / {all_consistency:.2f}"),
            _figure("Trust", trust),
        ],
        className="ce-honesty-figures",
        title=f"{method}. {MEANING} By {found.trusted:,} images.",
        tabIndex="0",
    )
    flag = html.Span("⚠ misleads", className="ce-flag", title=warning, tabIndex="0", role="note")
    # First, as in a narrow panel the last of the figures has no room.
    return [*([flag] if warning else []), figures]


def _figure(name: str, value: str) -> Component:
    return html.Span([html.Span(name, className="ce-label"), " ", value])
