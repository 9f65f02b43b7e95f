"""Write the tree of WordNet above the 1,000 ImageNet classes: ``python -m scripts.write_wordnet FOLDER``.

FOLDER holds Debian's package, unpacked anywhere: ``apt-get download wordnet-base`` and
``dpkg -x wordnet-base_*.deb FOLDER``. Needs WordNet 3.0: in 3.1 some of ImageNet's synsets are gone.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

from channelexplorer_dash.datasets.wordnet import DATA
from channelexplorer_dash.models.torchvision_shim import prepare_torchvision

DICTIONARY = "usr/share/wordnet/data.noun"
NOTICE = "usr/share/doc/wordnet-base/copyright"
COMMENT = "# WordNet 3.0, (c) 2006 Princeton University: wordnet.LICENSE.txt. By scripts/write_wordnet.py."


def main() -> int:
    """Write the tree and the licence; return the exit status."""
    if len(sys.argv) != 2 or not (source := Path(sys.argv[1]) / DICTIONARY).exists():
        print(__doc__, file=sys.stderr)
        return 2
    nouns = read_nouns(source)
    classes = imagenet_classes()
    above: dict[str, str] = {}
    for synset, _ in classes:
        below = synset
        # The first hypernym is the most usual sense's: with one for each synset WordNet is a tree.
        while below not in above and (parents := nouns[below][1]):
            above[below] = below = parents[0]
    lines = list(rows(above, nouns, dict(classes), [synset for synset, _ in classes]))
    text = "\n".join([COMMENT, *lines]) + "\n"
    # Without the time of day: the same WordNet gives the same file.
    DATA.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{DATA}: {len(lines):,} synsets, {DATA.stat().st_size / 1000:.0f} kB")
    notice = (Path(sys.argv[1]) / NOTICE).read_text(encoding="utf-8")
    DATA.with_name("wordnet.LICENSE.txt").write_text(notice, encoding="utf-8")
    return 0


def read_nouns(file: Path) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return each synset (``n`` and eight digits) with its words and its hypernyms, the usual first."""
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        fields = line.partition(" | ")[0].split()
        count = int(fields[3], 16)
        words = tuple(fields[4 : 4 + 2 * count : 2])
        start = 5 + 2 * count
        pointers = [fields[start + 4 * i : start + 4 * i + 4] for i in range(int(fields[start - 1]))]
        hypernyms = tuple(f"n{p[1]}" for kind in ("@", "@i") for p in pointers if p[0] == kind)
        found[f"n{fields[0]}"] = (words, hypernyms)
    return found


def imagenet_classes() -> list[tuple[str, str]]:
    """Return synset and description of each ImageNet class, as timm has them."""
    prepare_torchvision()
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo()
    return [(info.index_to_label_name(i), info.index_to_description(i)) for i in range(info.num_classes())]


def rows(
    above: dict[str, str],
    nouns: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
    classes: dict[str, str],
    order: list[str],
) -> list[str]:
    """Return a line for each synset in preorder: depth, synset, its words, and the class's description."""
    below: dict[str, list[str]] = {}
    for synset, parent in above.items():
        below.setdefault(parent, []).append(synset)
    rank = {synset: i for i, synset in enumerate(order)}
    (root,) = set(above.values()) - set(above)
    lines = []
    waiting = [(root, 0)]
    while waiting:
        synset, depth = waiting.pop()
        lines.append("\t".join([str(depth), synset, ",".join(nouns[synset][0]), classes.get(synset, "")]))
        children = sorted(below.get(synset, []), key=lambda s: (rank.get(s, -1), s), reverse=True)
        waiting += [(child, depth + 1) for child in children]
    return lines


if __name__ == "__main__":
    sys.exit(main())
