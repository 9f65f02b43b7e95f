"""The header and the toolbar: what is computed, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.layouts.icons import icon
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.selection import MAX_CLUSTERS, Selection
from channelexplorer_dash.specs import DatasetSpec, ModelSpec

Choice = tuple[str, str]

LOOKS = {
    "granularity": ids.GRANULARITY,
    "layers_as": ids.LAYERS_AS,
    "colour_by": ids.COLOUR_BY,
    "projection": ids.PROJECTION,
    "jaccard": ids.JACCARD_MODE,
    "order": ids.JACCARD_ORDER,
    "sorting": ids.SORTING,
    "measure": ids.MEASURE,
    "clusters": ids.CLUSTERS,
    "distance": ids.DISTANCE,
    "leaves": ids.LEAVES,
    "compare": ids.COMPARE,
    "trajectories": ids.TRAJECTORIES,
}
"""The controls that decide how the panels are drawn, by their name in a selection."""

SUMMARIES: tuple[Choice, ...] = (
    ("l2", "L2 norm"),
    ("rms", "Root mean square"),
    ("mean", "Mean"),
    ("max_abs", "Largest |a|"),
    ("active_fraction", "Active fraction"),
    ("p90", "90th percentile"),
    ("above_mean", "Share above mean"),
    ("above_otsu", "Share above Otsu"),
    ("spectral", "Spectral norm"),
)
NORMALISATIONS: tuple[Choice, ...] = (
    ("minmax", "Min–max"),
    ("zscore", "z-score"),
    ("image_l1", "Image L1"),
    ("none", "None"),
)
COLOURS: tuple[Choice, ...] = (
    ("class", "Class"),
    ("prediction", "Prediction"),
    ("correct", "Correctness"),
    ("confidence", "Confidence"),
    ("suspicion", "Suspicion"),
    ("decision", "Decision"),
    ("cluster", "Cluster"),
)
PROJECTIONS: tuple[Choice, ...] = (("umap", "UMAP"), ("pca", "PCA"), ("tsne", "t-SNE"), ("mds", "MDS"))
JACCARD_MODES: tuple[Choice, ...] = (("auto", "Auto"), ("images", "Images"), ("classes", "Classes"))
JACCARD_ORDERS: tuple[Choice, ...] = (("class", "Class"), ("hierarchy", "Hierarchy"))
SORTINGS: tuple[Choice, ...] = (
    ("variance", "Variance"),
    ("pairwise", "Pairwise"),
    ("count", "Count"),
    ("edge_weight", "Edge weight"),
    ("none", "Channel number"),
    ("f", "F"),
    ("eta_squared", "η²"),
    ("mutual_information", "Mutual information"),
    ("selectivity", "Selectivity"),
    ("auroc", "Best class AUC"),
    ("effect", "Effect of ablation"),
    ("accuracy_lost", "Accuracy lost"),
)
CLUSTERS: tuple[Choice, ...] = (("auto", "Auto"), *((str(k), str(k)) for k in range(1, MAX_CLUSTERS + 1)))
DISTANCES: tuple[Choice, ...] = (("jaccard", "Jaccard"), ("centroid", "Centroids"))
SWITCH: tuple[Choice, ...] = (("off", "Off"), ("on", "On"))
LEAVES: tuple[Choice, ...] = (("classes", "Classes"), ("subclasses", "Subclasses"))


def header(
    selection: Selection,
    models: Sequence[ModelSpec],
    datasets: Sequence[DatasetSpec],
    columns: Sequence[str],
    urls: Urls,
) -> Component:
    """Return the top line: brand, what is looked at, jobs, share, export, theme and help.

    ``columns`` are the dataset's further columns, by which points can be coloured.
    """
    view = selection.view
    return html.Header(
        [
            brand(urls),
            html.Div(
                [
                    select(ids.MODEL, "Model", [(m.name, m.name) for m in models], view.model),
                    _compared(selection, models),
                    select(ids.DATASET, "Dataset", [(d.name, d.name) for d in datasets], view.dataset),
                    select(ids.SUMMARY, "Summary", SUMMARIES, view.summary),
                    select(
                        ids.COLOUR_BY,
                        "Colour by",
                        [*COLOURS, *((name, name) for name in columns)],
                        selection.colour_by,
                    ),
                ],
                className="ce-header-controls",
            ),
            html.Div(
                [
                    _jobs(),
                    action(ids.UNDO, "undo", "Undo the last marking (Ctrl+Z)"),
                    action(ids.CLEAR, "clear", "Clear what is marked (Esc)"),
                    html.Span(className="ce-rule"),
                    action(ids.SHARE, "share", "Copy a link to exactly this view"),
                    _export(),
                    action(ids.THEME_TOGGLE, "theme", "Light or dark"),
                    action(ids.HELP, "help", "Help (?)"),
                    html.Span(id=ids.SHARED, className="ce-shared", role="status"),
                ],
                className="ce-actions",
            ),
        ],
        className="ce-header",
    )


def brand(urls: Urls) -> Component:
    """Return the name of the page, which starts again."""
    return html.A(
        [icon("brand"), html.Span("ChannelExplorer")],
        href=urls.home(),
        className="ce-brand",
        title="Start again",
    )


def toolbar(selection: Selection, *, trajectories: bool = False, timesteps: int = 0) -> Component:
    """Return the line above the panels: how all panels are drawn.

    ``trajectories`` is whether the dataset has any, ``timesteps`` how many timesteps its images are of.
    """
    view = selection.view
    return html.Div(
        [
            select(ids.PROJECTION, "Projection", PROJECTIONS, selection.projection),
            select(ids.CLUSTERS, "Clusters", CLUSTERS, selection.clusters),
            html.Span(className="ce-rule"),
            segmented(ids.JACCARD_MODE, "Jaccard", JACCARD_MODES, selection.jaccard),
            segmented(ids.JACCARD_ORDER, "Order", JACCARD_ORDERS, selection.order),
            _share(view.top_fraction),
            select(ids.DISTANCE, "Tree by", DISTANCES, selection.distance),
            select(ids.LEAVES, "of", LEAVES, selection.leaves),
            html.Span(className="ce-rule"),
            select(ids.SORTING, "Sort by", SORTINGS, selection.sorting),
            select(ids.NORMALISATION, "Normalise", NORMALISATIONS, view.normalisation),
            html.Div(
                [
                    html.Span(className="ce-rule"),
                    segmented(ids.TRAJECTORIES, "Trajectories", SWITCH, selection.trajectories),
                ],
                className="ce-field" if trajectories else "d-none",
            ),
            _timestep(timesteps),
        ],
        className="ce-toolbar",
        role="toolbar",
        **aria(label="How the panels are drawn"),
    )


def select(
    component_id: str | ids.PartId, label: str, choices: Iterable[Choice], value: str, nothing: str = ""
) -> Component:
    """Return a labelled native select, which shows ``nothing`` while its value is empty."""
    return html.Label(
        [
            html.Span(label, className="ce-label"),
            dbc.Select(
                id=component_id,
                options=[{"value": name, "label": text} for name, text in choices],
                value=value,
                placeholder=nothing,
                size="sm",
                className="ce-select",
            ),
        ],
        className="ce-field",
    )


def segmented(component_id: str, label: str, choices: Iterable[Choice], value: str) -> Component:
    """Return radio buttons drawn as one segmented control."""
    return html.Div(
        [
            html.Span(label, className="ce-label"),
            dbc.RadioItems(
                id=component_id,
                options=[{"value": name, "label": text} for name, text in choices],
                value=value,
                inline=True,
                className="ce-segmented",
            ),
        ],
        className="ce-field",
        role="group",
        **aria(label=label),
    )


def _compared(selection: Selection, models: Sequence[ModelSpec]) -> Component:
    """Return the choice of the model that the view's is compared with; hidden where there is no other.

    Only models that take the same can be given the same images.
    """
    own = selection.view.model
    takes = {model.name: model.takes for model in models}
    others = [name for name, taken in takes.items() if name != own and taken == takes.get(own)]
    chosen = selection.compare if selection.compare in others else ""
    return html.Div(
        [
            select(
                ids.COMPARE,
                "Compare with",
                [("", "nothing"), *((name, name) for name in others)],
                chosen,
                "nothing",
            ),
            html.Button(
                icon("compare"),
                id=ids.COMPARE_OPEN,
                className="ce-action",
                title="What changed between the two models",
                type="button",
                **aria(label="What changed between the two models"),
            ),
        ],
        className="ce-compare-choice",
        hidden=not others,
    )


def _share(value: float) -> Component:
    """Return the slider of the active share, in percent; the views follow while it is moved."""
    return html.Label(
        [
            html.Span("Active share", className="ce-label"),
            dbc.Input(
                id=ids.TOP_FRACTION,
                type="range",
                min=1,
                max=100,
                step=0.5,
                value=f"{100 * value:.4g}",
                className="ce-range",
            ),
            html.Span(
                f"{100 * value:.3g} %",
                id=ids.TOP_FRACTION_SHOWN,
                className="ce-count ce-share",
                role="status",
            ),
        ],
        className="ce-field",
    )


def _timestep(count: int) -> Component:
    """Return the slider that marks the images of one timestep, from noise to image; 0 marks none."""
    return html.Label(
        [
            html.Span("Timestep", className="ce-label"),
            dbc.Input(
                id=ids.TIMESTEP,
                type="range",
                min=0,
                max=max(count, 1),
                step=1,
                value="0",
                className="ce-range",
            ),
            html.Span("all", id=ids.TIMESTEP_SHOWN, className="ce-count ce-share", role="status"),
        ],
        className="ce-field" if count else "d-none",
        title="Marks the states of one timestep, from noise (left) to image (right)",
    )


def action(component_id: str, name: str, title: str) -> Component:
    """Return a button that is an icon."""
    return html.Button(
        icon(name),
        id=component_id,
        className="ce-action",
        title=title,
        type="button",
        **aria(label=title),
    )


EXPORTS: tuple[tuple[str, str, str], ...] = (
    (ids.EXPORT_CSV, "Images as CSV", "the marked ones, or all"),
    (ids.EXPORT_PARQUET, "Images as Parquet", "the marked ones, or all"),
    (ids.EXPORT_REPORT, "Report (HTML)", "profile and open panels, as far as they are computed"),
)


def _export() -> Component:
    """Return the button that opens the menu of exports."""
    items = [
        dbc.DropdownMenuItem([html.Div(text), html.Div(about, className="ce-more")], id=item)
        for item, text, about in EXPORTS
    ]
    menu = dbc.DropdownMenu(
        items,
        id=ids.EXPORT,
        label=[icon("export"), html.Span("Export", className="visually-hidden")],
        caret=False,
        align_end=True,
        class_name="ce-export",
        toggle_class_name="ce-action",
    )
    return html.Div(menu, title="Export images, or the page as a report")


def _jobs() -> Component:
    return html.Div(
        [
            html.Button(
                [icon("jobs"), html.Span(id=ids.JOBS_COUNT, className="ce-jobs-count")],
                id=ids.JOBS,
                className="ce-action ce-jobs-button",
                title="What is being computed",
                type="button",
                **aria(label="What is being computed"),
            ),
            dbc.Popover(
                html.Div(id=ids.JOBS_LIST, className="ce-jobs-list"),
                target=ids.JOBS,
                trigger="legacy",
                placement="bottom-end",
                className="ce-popover",
            ),
            dcc.Interval(id=ids.JOBS_TICK, interval=2000),
        ],
        className="ce-jobs",
    )
