"""Every component id of the page.

Plain ids are strings; ids inside a panel are dicts that always have the keys ``view``, ``part`` and
``panel``, where ``panel`` is the name of the layer that the panel shows, an item's key in a list, or a
wildcard.
"""

from __future__ import annotations

from typing import Any

PartId = dict[str, Any]

# The shell
URL = "ce-url"
ASKED = "ce-asked"
ROUTE = "ce-route"
PAGE = "ce-page"
NOTICE = "ce-notice"
THEME = "ce-theme"
THEME_TOGGLE = "ce-theme-toggle"
VIEW = "ce-view"
SAMPLE = "ce-sample"
LAYERS = "ce-layers"
WANTED = "ce-wanted"
DESCRIBED = "ce-described"
MARKS = "ce-marks"
MARKED_IMAGES = "ce-marked-images"
MARKED_CHANNEL = "ce-marked-channel"
MARKED_PAIR = "ce-marked-pair"
EVENT = "ce-event"
URL_WRITTEN = "ce-url-written"
MARKS_DRAWN = "ce-marks-drawn"
SHARE = "ce-share"
SHARED = "ce-shared"
EXPORT = "ce-export"
EXPORT_CSV = "ce-export-csv"
EXPORT_PARQUET = "ce-export-parquet"
EXPORT_REPORT = "ce-export-report"
REPORT_DOWNLOAD = "ce-report-download"
DOWNLOAD = "ce-download"
HELP = "ce-help"
HELP_PANEL = "ce-help-panel"

# Controls that decide what is computed
MODEL = "ce-model"
DATASET = "ce-dataset"
SUMMARY = "ce-summary"
NORMALISATION = "ce-normalisation"
TOP_FRACTION = "ce-top-fraction"
TOP_FRACTION_SHOWN = "ce-top-fraction-shown"

# Controls that decide how it is drawn
COLOUR_BY = "ce-colour-by"
PROJECTION = "ce-projection"
JACCARD_MODE = "ce-jaccard-mode"
JACCARD_ORDER = "ce-jaccard-order"
SORTING = "ce-sorting"
CLUSTERS = "ce-clusters"
DISTANCE = "ce-distance"
LEAVES = "ce-leaves"

# Dataset View
CLASSES = "ce-classes"
CLASSES_ALL = "ce-classes-all"
CLASSES_DRAWN = "ce-classes-drawn"
CLASSES_NONE = "ce-classes-none"
CLASS_FILTER = "ce-class-filter"
PER_CLASS = "ce-per-class"
SEED = "ce-seed"
APPLY = "ce-apply"
DATASET_IMAGES = "ce-dataset-images"
DATASET_NOTES = "ce-dataset-notes"

# Layers
GRANULARITY = "ce-granularity"
LAYERS_AS = "ce-layers-as"
FLOW = "ce-flow"
FLOW_ZOOM = "ce-flow-zoom"
FLOW_LARGE = "ce-flow-large"
LAYERS_VIEW = "ce-layers-view"
LAYER_FILTER = "ce-layer-filter"
PROFILE = "ce-profile"
PROFILE_STATUS = "ce-profile-status"
PROFILED = "ce-profiled"

# Separability measures
MEASURE = "ce-measure"
MEASURE_HELP = "ce-measure-help"
MEASURE_HELP_TEXT = "ce-measure-help-text"
MEASURES_OPEN = "ce-measures-open"
MEASURES_PANEL = "ce-measures-panel"
MEASURES_TAB = "ce-measures-tab"
MEASURES_TABLE = "ce-measures-table"
APART_NOTE = "ce-apart-note"
APART_GRAPH = "ce-apart-graph"
STEPS_MEASURE = "ce-steps-measure"
STEPS_CHOICE = "ce-steps-choice"
HEAD = "ce-head-collapse"
HEAD_SECTION = "ce-head-section"

# Two models
COMPARE = "ce-compare"
COMPARE_OPEN = "ce-compare-open"
COMPARE_PANEL = "ce-compare-panel"
COMPARE_TITLE = "ce-compare-title"
COMPARE_CHANGED = "ce-compare-changed"
COMPARE_MAP = "ce-compare-map"
COMPARE_CHANNELS = "ce-compare-channels"
COMPARE_LINK = "ce-compare-link"
COMPARE_SIDE = "ce-compare-side"

# Two models side by side
SHOW = "ce-show"
SIDE = "ce-side"
SIDE_BODY = "ce-side-body"
SIDE_BACK = "ce-side-back"
SIDE_CLEAR = "ce-side-clear"
SIDE_UNDO = "ce-side-undo"
SIDE_FIRST = "ce-side-first"
SIDE_SECOND = "ce-side-second"
SIDE_ALIKE = "ce-side-alike"
SIDE_TOLD = "ce-side-told"

# New images
NEW_IMAGES = "ce-new-images"
NEW_UPLOAD = "ce-new-upload"
NEW_FILES = "ce-new-files"
NEW_NOTE = "ce-new-note"
NEW_CLEAR = "ce-new-clear"
NEW_CARDS = "ce-new-cards"
LATENT_CLASS = "ce-latent-class"
LATENT_SEED = "ce-latent-seed"
LATENT_STEP = "ce-latent-step"
LATENT_PLACE = "ce-latent-place"

# States on their way from noise
TRAJECTORIES = "ce-trajectories"
TIMESTEP = "ce-timestep"
TIMESTEP_SHOWN = "ce-timestep-shown"
TIMESTEPS = "ce-timesteps"

# Panels
PANELS = "ce-panels"

# Inspector
INSPECTOR = "ce-inspector"
GALLERY = "ce-gallery"
CHANNEL_CARD = "ce-channel-card"
CHANNEL_TICK = "ce-channel-tick"
PAIR_CARD = "ce-pair-card"
PAIR_TICK = "ce-pair-tick"
ABLATED = "ce-ablated"
ABLATION_CARD = "ce-ablation-card"
GROUPS = "ce-groups"
CONTRAST_LAYER = "ce-contrast-layer"
CONTRAST_FIRST = "ce-contrast-first"
CONTRAST_SECOND = "ce-contrast-second"
CONTRAST_KEEP = "ce-contrast-keep"
CONTRAST_MARKS = "ce-contrast-marks"
CONTRAST_KEPT = "ce-contrast-kept"
CONTRAST_ASK = "ce-contrast-ask"
CONTRAST_CARD = "ce-contrast-card"
CLEAR = "ce-clear"
UNDO = "ce-undo"

# Scorecard
SCORECARD = "ce-scorecard"
SCORECARD_ASKED = "ce-scorecard-asked"
SCORECARD_TABLE = "ce-scorecard-table"
SCORECARD_CLASS = "ce-scorecard-class"
SCORECARD_BEST = "ce-scorecard-best"
SCORECARD_LEAST = "ce-scorecard-least"
SCORECARD_TICK = "ce-scorecard-tick"
SCORECARD_EXPORT = "ce-scorecard-export"
SCORECARD_FILL = "ce-scorecard-fill"
SCORECARD_MEASURE = "ce-scorecard-measure"
EFFECTS_ASKED = "ce-effects-asked"
EFFECTS_THERE = "ce-effects-there"
SCORECARD_DOWNLOAD = "ce-scorecard-download"

# Labels to review
REVIEW = "ce-review"
REVIEW_START = "ce-review-start"
REVIEW_BODY = "ce-review-body"
REVIEW_FACTS = "ce-review-facts"
REVIEW_LIST = "ce-review-list"
REVIEW_CLASS = "ce-review-class"
REVIEW_STATE = "ce-review-state"
REVIEW_AS = "ce-review-as"
REVIEW_AUTHOR = "ce-review-author"
REVIEW_PAGE = "ce-review-page"
REVIEW_EVENT = "ce-review-event"
REVIEW_DRAWN = "ce-review-drawn"
REVIEW_CSV = "ce-review-csv"
REVIEW_PARQUET = "ce-review-parquet"
REVIEW_DOWNLOAD = "ce-review-download"
REVIEWED = "ce-reviewed"
DECIDED = "ce-decided"

# Jobs
JOB_CONTROL = "ce-job-control"
JOBS = "ce-jobs"
JOBS_COUNT = "ce-jobs-count"
JOBS_LIST = "ce-jobs-list"
JOBS_TICK = "ce-jobs-tick"


def part(view: Any, name: Any, panel: Any) -> PartId:
    """Return the id of one part of a view: of one panel, or of ``MATCH``/``ALL`` panels.

    Parameters
    ----------
    view
        ``scatterplot``, ``jaccard``, ``heatmap``, ``panel``, ``layers``, ``hierarchy``, …
    name
        The part: ``graph``, ``version``, ``status``, ``tick``, ``cancel``, ``close``, …, or a wildcard.
    panel
        The panel's layer, an item's key, or a wildcard of ``dash.dependencies``.
    """
    return {"view": view, "part": name, "panel": panel}
