"""What the views show, in plain words: the guide, and the help beside each view."""

from __future__ import annotations

from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component


@dataclass(frozen=True)
class ViewHelp:
    """The help of one view: what it shows, how it is computed, and what can be done in it."""

    title: str
    shows: str
    formula: str
    use: str
    more: tuple[tuple[str, str], ...] = ()
    """What else it shows: a title and a text each."""


VIEW_HELP: dict[str, ViewHelp] = {
    "flow": ViewHelp(
        "Dataflow graph",
        "What flows where between the layers, from the image at the top down: branches, skips, and where "
        "they are added (+), multiplied (×) or joined (concat).",
        "The model runs once on two black images while every operation is recorded. What runs inside a "
        "layer is drawn as that layer; operations on one branch alone are left out. A row is the longest "
        "way from the image. The number is the chosen measure, shaded from the worst layer to the best.",
        "Click a layer, or reach it by Tab and press Enter, to open a panel. Stages and Blocks close the "
        "parts of a layer, Leaves opens them. Scroll to move; the slider makes it smaller, Enlarge gives it "
        "more of the page. Layers that the recording could not join are named above it.",
    ),
    "scatterplot": ViewHelp(
        "Scatterplot View",
        "Each point is an image. Images whose channels respond alike in this layer lie close together.",
        "The activation summary S (images × channels), projected to two dimensions. "
        "PCA is shown at once, UMAP, t-SNE or MDS when it is ready.",
        "The figures above it say how honest the picture is: how well the classes are told apart here and in "
        "all dimensions, and whether neighbours here are neighbours there. "
        "Draw a lasso or a box, or click a point, to mark images in every view. "
        "Distances between far-away groups say little in UMAP and t-SNE.",
        (
            (
                "Clusters (Colour by: Cluster)",
                "k-means on the first 50 principal components of S: each image is in the cluster whose "
                "mean is nearest. Auto finds k by X-means: a cluster is cut in two as long as BIC = log "
                "likelihood − p/2 · ln n rises (p numbers are fitted to n images). A cross is an outlier: "
                "farther from its cluster's mean than mean + 0.8 · standard deviation of these distances; "
                "the outlines leave outliers out. Purity is the share of images that are of their "
                "cluster's main class; ARI and NMI are 1 where clusters and classes agree. Click a "
                "cluster in the legend to mark its images; choose one class in the Dataset View to see "
                "its sub-clusters.",
            ),
            (
                "Trajectories (generated datasets)",
                "A line joins the states of one class and seed from noise to image, or the latents on the "
                "way from one to another (along the great arc between them). The timestep slider marks the "
                "states of one timestep in every view.",
            ),
        ),
    ),
    "jaccard": ViewHelp(
        "Jaccard Similarity View",
        "How much the most active channels of two images (or, on average, of two classes) overlap.",
        "J(A, B) = |A ∩ B| / |A ∪ B|, where A and B are the active sets: "
        "the ⌈active share · C⌉ most active channels of each image. Of classes: the mean over all pairs of "
        "their images; while these are compared, J at the overlap to be expected from how often each "
        "channel is active.",
        "Click a cell to mark both images, or all images of both classes. Move Active share, and the views "
        "follow.",
        (
            (
                "The tree",
                "Average linkage: the two nearest groups are joined again and again, at the mean distance of "
                "their classes: 1 − J, or the distance of their mean rows of S (Centroids). A diamond is a "
                "superclass: what is joined below the widest gap between two joins. Click a node to mark its "
                "images; Newick and JSON download the tree.",
            ),
            (
                "Subclasses",
                "A class of at least 3 images is split where more than one cluster holds over 10 % of them. "
                "“Shirt #3” is the part of Shirt in cluster #3; images in smaller clusters go to the largest "
                "part.",
            ),
            (
                "r, the cophenetic correlation",
                "r = correlation, over all pairs of classes, of the height at which the tree joins them with "
                "their distance in a known tree (WordNet, or `tree` of the dataset): the longest way down "
                "from where they meet. 1: the same hierarchy; 0: an unrelated one.",
            ),
        ),
    ),
    "heatmap": ViewHelp(
        "Heatmap View",
        "Rows are channels, columns are images grouped by class; the colour is the normalised activation.",
        "Rows are sorted by the chosen statistic: variance over images; pairwise = Σ |μc − μd| over class "
        "pairs; count = Σ of the differences of active frequencies; edge weight = norm of the kernel.",
        "Click a cell to open its channel: the scatterplots take its colours, and the inspector shows its "
        "distribution. Marked images come first. Beside the matrix stand the class that the channel tells "
        "best, and in grey η², MI, selectivity and AUC of its scorecard, as shares of the largest shown.",
    ),
    "scorecard": ViewHelp(
        "Scorecard",
        "One row a channel: how much its activation tells of the class of an image.",
        "F = (spread between class means) / (spread within classes), one-way analysis of variance; η² = the "
        "share of the variance that the class explains; MI = mutual information of class and activation, in "
        "bits; selectivity = (μ of the best class − μ of the others) / (their sum); AUC = the chance that an "
        "image of the best class has the larger activation than one of another class; weight norm = length "
        "of the channel's kernel.",
        "Click a heading to sort, a row to look at its channel. Choose a class for its own AUC and for how "
        "often the channel is among the most active of its images.",
    ),
    "effects": ViewHelp(
        "Effect of every channel",
        "What the model loses when a channel is silenced, measured for each channel of the layer alone.",
        "Each channel in turn is set to 0, or to its mean over all images and positions, and what follows "
        "the layer is run again. Effect = mean over the images of (logit of the image's own class − the same "
        "without the channel); accuracy lost = share of right answers − the same without the channel. With a "
        "class chosen, both are over its images.",
        "A large effect: the model needs the channel. An effect near 0 beside a large F: the channel tells "
        "the classes, but others do so too. Below 0, the channel speaks against the right class. A "
        "stratified sample of the images is used; the line above the table says how many.",
    ),
    "ablation": ViewHelp(
        "Ablation",
        "What the model answers when the channel is silenced, beside what it answers as it is.",
        "The channel is set to 0, or to its mean over all images and positions, and the model runs to its "
        "end. Points = change of the share of right answers; logit = mean change of the right class's logit. "
        "The interval is that of images drawn anew (bootstrap), each with both of its answers.",
        "A class that loses much depends on the channel. Where little changes, others may do the same work. "
        "Rows of the two matrices are classes, columns answers.",
    ),
    "contrast": ViewHelp(
        "What tells these apart?",
        "The smallest set of the layer's channels by which images of A can be told from those of B.",
        "Channels are added one by one, each time the one that helps a linear discriminant most; the set is "
        "the smallest whose AUC is within one standard error of the best. Held-out AUC: everything is chosen "
        "anew without the images that it is measured on (nested cross-validation).",
        "Mark images by a lasso and keep them as A; then mark others, or choose a class, for B. Beside each "
        "channel stands its own AUC: below 0.5 it is larger in B.",
    ),
    "head": ViewHelp(
        "Neural collapse at the head",
        "Whether the head, the model's last linear layer, still says something that the class means of what "
        "it takes in do not say. Both figures are 0 once a network has collapsed.",
        "NC3 = ‖W / ‖W‖ − M / ‖M‖‖, 0 to 2: a row of W are the head's weights of a class, a row of M is the "
        "class's mean less the mean of all class means, and ‖ ‖ is the root of the sum of squares. NC4 = "
        "share of images x for which the class with the largest ⟨w, x⟩ + b is not the one with the nearest "
        "mean (Papyan, Han and Donoho 2020).",
        "The head is found by running the model on a few images: it is the linear layer whose outputs are "
        "the model's own. Its rows are matched to classes by name, and only the classes that are shown "
        "count, in both figures. Where what it takes in is no layer of the model, the model is run up to it "
        "for a stratified sample of the images.",
    ),
    "compare": ViewHelp(
        "Two models",
        "The same images in two models: which classes changed, in which layers, and which pairs are newly "
        "confused or newly told apart.",
        "Answers differ: ½ Σ |p(j) − q(j)| over the answers j that the two models give to the images of a "
        "class; 0 is the same, 1 is nothing in common. A layer's figure of a class is the share of its "
        "images that lie nearer to the mean of their own class than to any other's, after less before. "
        "Score: the mean of Answers differ and of the mean |change| over the layers. Newly confused are "
        "images that the first model answers rightly and the second as another class; newly resolved the "
        "other way round.",
        "Click a pair to mark its images. Layers of the same name stand beside each other; where the models "
        "share no name, layers at the same share of the depth.",
        (
            (
                "The map of layers",
                "Linear CKA = ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) of the summaries X and Y with every channel centred: 1 "
                "where one layer is a rotation of the other, near 0 where they have nothing in common. With "
                "fewer images than channels it comes out too high.",
            ),
            (
                "Matched channels",
                "One channel of a layer to one of the other, so that Σ |r| is as large as possible; r is the "
                "correlation of their values over the images. Channels that never vary have no partner.",
            ),
        ),
    ),
    "side": ViewHelp(
        "Two models side by side",
        "One layer of each of two models, drawn from the same images. What is marked in one half is marked "
        "in the other; a channel is not, as channel 7 of one model is not channel 7 of another.",
        "Choose a layer at the left, and the right half opens the one of the same name, where both models "
        "have the same layers (two checkpoints of one network). Of two architectures it opens the one most "
        "alike by linear CKA = ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) of the two summaries with every channel centred; "
        "until that is computed, the one of the same name, or at the same share of the depth.",
        "A layer chosen at the right leaves the left half as it is. Colour, projection and sorting go for "
        "both. Share copies a link to both halves.",
    ),
    "new_images": ViewHelp(
        "New images",
        "What the model makes of images that are not in the dataset: its answer, where they lie in every "
        "open scatterplot (numbered arrows), and which images they resemble.",
        "The nearest images are by cosine distance of S, as in the kNN accuracy. J is the Jaccard "
        "similarity of the active sets. PCA places a new image by its scores; UMAP, t-SNE and MDS by its "
        "nearest images, and the others stay where they are.",
        "Drop files anywhere on the page, or choose them. Only pixels are kept, without name and metadata, "
        "and removed an hour after their last use, or at once by Remove. The dataset stays as it is.",
    ),
    "new_latents": ViewHelp(
        "New latents",
        "Where a latent that is not in the dataset belongs: its class and, on the way from noise to image, "
        "its timestep, each with its confidence; and where it lies in every open scatterplot. The number is "
        "at the noise, arrows lead to the image.",
        "Noise is drawn by class and seed, and the model goes its way from it. At each timestep the nearest "
        "known states, by cosine distance of S, vote: class and timestep are those that most of them have, "
        "the confidence is the share that has them. A layer that is told the class, by an embedding, knows "
        "it in noise, too.",
        "Choose class, seed and timestep, then Place. A file's values are taken as the state of the "
        "timestep, or, with all, as the noise to begin with. The seeds of the dataset cannot be chosen: "
        "their states are there. Click a nearest state to mark it. Files are removed an hour after their "
        "last use, or at once by Remove.",
    ),
    "review": ViewHelp(
        "Labels to review",
        "Images whose labels are probably wrong, the most suspicious first, with the label that fits better.",
        "In the later layers of the model, three scores ask whether other images agree with a label: the "
        "nearest images by S, those with the most similar active sets, and a ridge probe fitted without "
        "the image. The score is their mean rank, 0 to 1; scores that find known mistakes better count for "
        "more. The expected precision is the share of wrong labels to be expected down to a row, the mean of "
        "1 − T[g, g] p(g) / Σ T[g, y] p(y): p(y) falls with how far a class is behind the best, T says how "
        "often an image of y is called g, clear or not; both are fitted to the labels. What is kept or "
        "relabelled in the spot check corrects it, as that is a fair sample of the list; ± is by how much it "
        "may be off: nine in ten by calculation, eight to nine in ten in our benchmarks.",
        "Do the spot check first (Show): it ends where the expected precision of the labels that are "
        "expected to be wrong is known within five points. Then do the list from its head. ↓ and ↑ move, k "
        "keeps the label, r relabels, f flags, u undoes. Decisions are kept with your name and the time; "
        "your files stay as they are. A network that was trained on the wrong labels may have learned some "
        "of them by heart: these come later in the list.",
    ),
}

KEYS: tuple[tuple[str, str], ...] = (
    ("Esc", "clear what is marked"),
    ("Ctrl Z", "undo the last marking"),
    ("/", "find a layer"),
    ("↓ ↑", "next or previous label to review"),
    ("k r f u", "keep, relabel, flag, undo"),
    ("?", "open or close this help"),
)


def view_help(view: str) -> list[Component]:
    """Return the content of a view's help popover."""
    text = VIEW_HELP[view]
    return [
        html.H3(text.title, className="ce-help-title"),
        html.P(text.shows),
        html.P(text.formula, className="ce-formula"),
        html.P(text.use),
        *[
            part
            for title, more in text.more
            for part in (html.H4(title, className="ce-help-part"), html.P(more, className="ce-formula"))
        ],
    ]


def guide() -> list[Component]:
    """Return the content of the help panel."""
    return [
        html.P(
            "ChannelExplorer reduces an image's activation map of each channel to one number (the summary) "
            "and shows a layer's numbers in three linked views. Nothing is computed before you ask for it."
        ),
        html.Ol(
            [
                html.Li("Choose classes and images in the Dataset View, then press Apply."),
                html.Li(
                    "Choose a layer in Layers. The bar says how far the classes are apart in that layer, by "
                    "the measure that you choose (the ? beside it explains it); the thin line is its 95 % "
                    "interval. "
                    "All shows every measure of every layer, and at which layer each pair of classes comes "
                    "apart."
                ),
                html.Li("Mark images, a pair, a class or a channel in any view. All open panels follow."),
                html.Li(
                    "Share copies a link that restores exactly what you see. Export saves the marked images "
                    "as a table, or the page as a report: one file that opens without a server."
                ),
            ]
        ),
        *[html.Section(view_help(view), className="ce-guide-section") for view in VIEW_HELP],
        html.H3("Keys", className="ce-help-title"),
        html.Dl(
            [item for key, what in KEYS for item in (html.Dt(html.Kbd(key)), html.Dd(what))],
            className="ce-keys",
        ),
    ]
