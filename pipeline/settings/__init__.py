"""The typed sections of the config: every key with its default, unit, range and meaning.

One section is what one kind of job uses, and nothing else: a job's parameters are the canonical
JSON of its section, so a changed key reruns exactly the jobs that it touches. The package
`pipeline.study` puts the sections of a study together.
"""

from pipeline.settings.attribution import (
    Attribution,
    GradientMaps,
    MethodOptions,
    Methods,
    Noise,
    OwnMaps,
    Target,
)
from pipeline.settings.base import (
    Bootstrap,
    Count,
    FilePath,
    Fraction,
    ModelPattern,
    Name,
    Positive,
    ResultsFolder,
    Section,
    Seed,
)
from pipeline.settings.data import (
    ClassPair,
    Cues,
    Images,
    MaskValues,
    Need,
    Records,
    RecordsJob,
    ShardSource,
    Supersets,
    SynthBirds,
)
from pipeline.settings.evaluation import (
    Axioms,
    Calibration,
    Classification,
    CueLocalization,
    Erase,
    Evaluation,
    GridPointing,
    Infidelity,
    InsertionDeletion,
    MapEvaluation,
    PointingGame,
    Sanity,
    Wsol,
)
from pipeline.settings.given import GivenArchitecture, GivenJob
from pipeline.settings.models import Architecture, Training, TrainJob
from pipeline.settings.report import ModelNote, Report, TablesJob
from pipeline.settings.search import DrawJob, Range, Search
from pipeline.settings.trackers import Mlflow, Trackers, Wandb

__all__ = [
    "Architecture",
    "Attribution",
    "Axioms",
    "Bootstrap",
    "Calibration",
    "ClassPair",
    "Classification",
    "Count",
    "CueLocalization",
    "Cues",
    "DrawJob",
    "Erase",
    "Evaluation",
    "FilePath",
    "Fraction",
    "GivenArchitecture",
    "GivenJob",
    "GradientMaps",
    "GridPointing",
    "Images",
    "Infidelity",
    "InsertionDeletion",
    "MapEvaluation",
    "MaskValues",
    "MethodOptions",
    "Methods",
    "Mlflow",
    "ModelNote",
    "ModelPattern",
    "Name",
    "Need",
    "Noise",
    "OwnMaps",
    "PointingGame",
    "Positive",
    "Range",
    "Records",
    "RecordsJob",
    "Report",
    "ResultsFolder",
    "Sanity",
    "Search",
    "Section",
    "Seed",
    "ShardSource",
    "Supersets",
    "SynthBirds",
    "TablesJob",
    "Target",
    "Trackers",
    "TrainJob",
    "Training",
    "Wandb",
    "Wsol",
]
