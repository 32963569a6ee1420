# Which maps are one job's, and what the chunks of others are made of (`map_chunks`).
NO_NOISE = "|".join(name for name in METHODS if name not in NOISE)

# Data sets by how their maps are made, as patterns; (?!) matches nothing.
WHOLE = "|".join(n for n, d in STUDY.datasets.items() if d.map_chunks == 1) or "(?!)"
CHUNKED = "|".join(n for n, d in STUDY.datasets.items() if d.map_chunks > 1) or "(?!)"


def chunk_split(wildcards):
    """The split whose maps lie in a folder: val in "val/", test in ""."""
    return wildcards.folder.removesuffix(os.sep) or "test"


def chunk_shards(wildcards):
    folder = f"{RESULTS}/shards/{wildcards.dataset}/{chunk_split(wildcards)}"
    return f"{folder}/manifest.json"


def chunk_records(wildcards):
    return f"{RESULTS}/datasets/{wildcards.dataset}/{chunk_split(wildcards)}.parquet"


def chunk_pairs(wildcards):
    """Class pairs, for the maps of test images alone."""
    return [] if wildcards.folder else pairs_of(wildcards)


def chunk_of(wildcards):
    """Which chunk a job computes: its number, and how many there are."""
    return f"{wildcards.chunk} {dataset_of(wildcards).map_chunks}"


def chunk_files(wildcards):
    """The chunks of one model's and one method's maps, in their order."""
    folder = f"{RESULTS}/maps/{MODEL}/{{folder}}chunks/{{method}}".format(**wildcards)
    chunks = dataset_of(wildcards).map_chunks
    return [f"{folder}/{number}.h5" for number in range(chunks)]
