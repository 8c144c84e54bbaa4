"""Who a person is: drawn at random, adults only, or as asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from weights.training.rendered.body import OLDEST, YOUNGEST, Body, Build, Details, age_on_scale
from weights.training.rendered.hair import BALD, TIED
from weights.training.rendered.poses import UPRIGHT, draw_family

OLD_FROM = 61
"""Years from which hair is gray for most."""
AGES = (((YOUNGEST, 34), 0.4), ((34, 54), 0.28), ((54, OLDEST), 0.32))
WOMENS_HAIR = {
    "bob": 0.11, "shoulder": 0.14, "long": 0.14, "wavy": 0.13, "curly": 0.10, "afro": 0.07,
    "pony": 0.08, "wavypony": 0.05, "bun": 0.08, "braid": 0.06, "crop": 0.02, "short": 0.02,
    "messy": 0.02,
}  # fmt: skip
MENS_HAIR = {
    "short": 0.22, "crop": 0.16, "slick": 0.08, "buzz": 0.05, "shortcurl": 0.11, "messy": 0.11,
    "curly": 0.06, "afro": 0.07, "shoulder": 0.05, "wavy": 0.03, BALD: 0.03, "thin": 0.03,
}  # fmt: skip
OLD_WOMENS_HAIR = {
    "bob": 0.2, "shoulder": 0.08, "wavy": 0.06, "curly": 0.1, "bun": 0.14, "short": 0.16,
    "crop": 0.1, "shortcurl": 0.1, "long": 0.03, "afro": 0.03,
}  # fmt: skip
OLD_MENS_HAIR = {
    "short": 0.3, "crop": 0.12, "slick": 0.12, "buzz": 0.05, "thin": 0.18, BALD: 0.1,
    "shortcurl": 0.05, "messy": 0.03,
}  # fmt: skip
TONES = {
    "black": 0.25, "darkbrown": 0.2, "brown": 0.16, "lightbrown": 0.11, "blond": 0.16,
    "red": 0.05, "gray": 0.05, "dyed": 0.02,
}  # fmt: skip
OLD_TONES = {"gray": 0.4, "white": 0.32, "brown": 0.12, "black": 0.1, "blond": 0.06}
HATS = {"": 0.79, "fedora": 0.04, "beanie": 0.06, "brimmed hat": 0.04, "hood": 0.05,
        "headscarf": 0.02}  # fmt: skip
BEARDS = {"": 0.62, "beard": 0.23, "stubble": 0.15}
SUIT = "suit"
"""Clothes of MakeHuman's, as opposed to cut ones."""


@dataclass(frozen=True)
class Traits:
    """What is drawn of a person before anything is built."""

    age: float
    """Years."""
    sex: str
    """`f` or `m`."""
    family: str
    """Of poses."""
    hair: str
    tone: str
    beard: str
    hat: str
    scarf: bool
    receding: bool
    outfit: str
    """`suit`, `plain`, `skirt`, `dress`, `tunic` or `coat`."""

    def __post_init__(self) -> None:
        age_on_scale(self.age)

    @property
    def female(self) -> bool:
        """Whether clothes and hair are a woman's."""
        return self.sex == "f"


def drawn(rng: np.random.Generator, often: Mapping[str, float]) -> str:
    """Draw a key of `often` by its share."""
    share = np.array(list(often.values()))
    return str(rng.choice(list(often), p=share / share.sum()))


def draw_age(rng: np.random.Generator) -> float:
    """Draw years of age, young adults more often than others."""
    group = rng.choice(len(AGES), p=[share for _, share in AGES])
    return float(rng.uniform(*AGES[group][0]))


def draw_outfit(rng: np.random.Generator, *, female: bool, upright: bool) -> str:
    """Draw a kind of outfit; skirts and coats are for those who stand."""
    from weights.training.rendered.garments import FEMALE_KINDS, MALE_KINDS

    if rng.random() > (0.7 if female else 0.58):
        return SUIT
    kinds = FEMALE_KINDS if female else MALE_KINDS
    return kinds[rng.integers(len(kinds))] if upright else "plain"


def draw_traits(
    rng: np.random.Generator, wanted: Mapping[str, object] | None = None, family: str = ""
) -> Traits:
    """Draw a person; what `wanted` names is as it says."""
    wanted = {key: value for key, value in (wanted or {}).items() if key in TRAIT_NAMES}
    age = float(wanted.get("age", draw_age(rng)))
    female = wanted.get("sex", "f" if rng.random() < 0.5 else "m") == "f"
    old = age >= OLD_FROM
    family = str(wanted.get("family", family or draw_family(rng)))
    styles = (
        (OLD_WOMENS_HAIR if old else WOMENS_HAIR)
        if female
        else (OLD_MENS_HAIR if old else MENS_HAIR)
    )
    found = Traits(
        age=age,
        sex="f" if female else "m",
        family=family,
        hair=drawn(rng, styles),
        tone=drawn(rng, OLD_TONES if old else TONES),
        beard="" if female else drawn(rng, BEARDS),
        hat=drawn(rng, HATS),
        scarf=bool(rng.random() < 0.09),
        receding=bool(not female and age > 28 and rng.random() < 0.3),
        outfit=draw_outfit(rng, female=female, upright=family in UPRIGHT),
    )
    return dataclasses.replace(found, **wanted)


TRAIT_NAMES = {field.name for field in dataclasses.fields(Traits)}


def draw_build(rng: np.random.Generator, traits: Traits) -> Build:
    """Draw the numbers of a body."""
    ancestry = rng.dirichlet([0.6, 0.6, 0.6]).tolist()

    def around(middle: float, spread: float, least: float, most: float) -> float:
        return float(np.clip(rng.normal(middle, spread), least, most))

    return Build(
        gender=around(0.0 if traits.female else 1.0, 0.08, 0, 1),
        age=age_on_scale(traits.age),
        muscle=around(0.5, 0.18, 0.05, 0.95),
        weight=around(0.55, 0.2, 0.05, 1),
        height=around(0.52, 0.13, 0.3, 0.9),
        proportions=around(0.55, 0.2, 0.1, 0.95),
        cup=around(0.42, 0.15, 0.1, 0.75),
        firmness=float(rng.uniform(0.4, 0.8)),
        ancestry=dict(zip(("african", "asian", "caucasian"), ancestry, strict=True)),
    )


FEATURES = ("head", "nose", "mouth", "chin", "ears", "eyes", "forehead", "cheek", "neck",
            "eyebrows", "torso", "stomach", "hip")  # fmt: skip
EXPRESSIONS = (
    "mouth-corner-puller", "mouth-upward-retraction", "mouth-open", "eyebrows-left-up",
    "eyebrows-right-up", "eyebrows-left-down", "eyebrows-right-down", "eye-left-slit",
    "eye-right-slit", "mouth-part-later",
)  # fmt: skip
EXPRESSION_FOLDER = "expression/units/caucasian/"
MOST = 0.9
"""Of any single detail."""


def draw_face(rng: np.random.Generator) -> Details:
    """Draw an expression: none for four in ten; few close their eyes."""
    details = []
    if rng.random() < 0.6:
        for name in EXPRESSIONS:
            if rng.random() < 0.35:
                most = 0.3 if name == "mouth-open" else 0.5
                details.append((EXPRESSION_FOLDER + name, rng.uniform(0.1, most)))
    if rng.random() < 0.06:
        details += [(f"{EXPRESSION_FOLDER}eye-{side}-closure", 1.0) for side in ("left", "right")]
    return details


def draw_details(rng: np.random.Generator, body: Body, traits: Traits) -> Details:
    """Draw features and an expression: targets and how much of each."""
    features = [name for name in body.targets if name.split("/")[0] in FEATURES]
    left = [name for name in features if "/l-" in name]
    single = [n for n in features if "/l-" not in n and "/r-" not in n and "age" not in n]
    details = []
    for name in rng.choice(single, 24, replace=False):
        trunk = name.startswith(("torso", "stomach", "hip"))
        details.append((str(name), abs(rng.normal(0, 0.25)) * (0.5 if trunk else 1)))
    for name in rng.choice(left, 12, replace=False):
        amount = abs(rng.normal(0, 0.25))
        details.append((str(name), amount))
        details.append((str(name).replace("/l-", "/r-"), amount * rng.uniform(0.8, 1.1)))
    if traits.age > 51:
        details.append(("head/head-age-incr", (traits.age - 51) / 59))
    details += draw_face(rng)
    return [(name, min(float(amount), MOST)) for name, amount in details]


COMBS = {"part": 0.25, "back": 0.15, "fringe": 0.2, "radial": 0.4}
LONG_COMBS = {"part": 0.5, "back": 0.2, "fringe": 0.3}


def draw_comb(rng: np.random.Generator, hair: str) -> str:
    """Draw which way hair is combed."""
    if hair == "slick":
        return "back"
    if hair in TIED or hair == "afro":
        return "radial"
    if hair in ("short", "crop", "messy") and rng.random() < 0.2:
        return "up"
    return drawn(rng, LONG_COMBS if hair in ("bob", "shoulder", "long", "wavy") else COMBS)
