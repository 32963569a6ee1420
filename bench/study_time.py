"""``python -m bench.study_time RESULTS``: where a finished study's time went, as a Markdown table.

Read from the files that Snakemake writes for every job, RESULTS/benchmarks/RULE/... .tsv.
"""

import sys
from pathlib import Path

import pandas as pd


def main() -> None:
    """Sum by rule, the most expensive first."""
    folder = Path(sys.argv[1]) / "benchmarks"
    jobs = pd.concat(
        [
            pd.read_csv(path, sep="\t", na_values="-").assign(
                rule=path.relative_to(folder).parts[0]
            )
            for path in sorted(folder.rglob("*.tsv"))
        ]
    )
    table = jobs.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), cpu=("cpu_time", "sum"), memory=("max_rss", "max")
    )
    table = table.sort_values("seconds", ascending=False)
    table.loc["all"] = table.sum().where(table.columns != "memory", table["memory"].max())
    print("| rule | jobs | seconds | CPU seconds | most memory, MB |\n|---|--:|--:|--:|--:|")
    for rule, row in table.iterrows():
        print(f"| {rule} | {row.jobs:.0f} | {row.seconds:.0f} | {row.cpu:.0f} | {row.memory:.0f} |")


if __name__ == "__main__":
    main()
