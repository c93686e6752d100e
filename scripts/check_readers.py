#!/usr/bin/env python3
"""Publishes a small store and asks other programs that read Lance the same questions of it.

    pip install pylance==14.0.2 lancedb==0.40.0 polars duckdb daft daft-lance
    python3 scripts/check_readers.py target/debug/kv

or `make readers`, which does both in a virtual environment of its own. Each reader is a function below, as
docs/outside-readers.md shows it; one that is not installed is left out, and said to be. Exit code 1 where one answers
wrongly.
"""

import argparse
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ |= {"LANCE_LOG": "error", "LANCEDB_LOG": "error", "DAFT_PROGRESS_BAR": "0", "DO_NOT_TRACK": "1"}

COUNTRIES = ["IS", "NO", "SE"]


def pylance(store: pathlib.Path, name: str):
    import lance

    users = lance.dataset(str(store / "published.lance"), version=name)
    some = users.to_table(columns=["key", "val"], filter="key >= CAST('user-010' AS BINARY) AND key < CAST('user-013' AS BINARY)")
    by_country = {country: 0 for country in COUNTRIES}
    for val in users.to_table(columns=["val"])["val"].to_pylist():
        by_country[json.loads(val)["country"]] += 1
    return users.count_rows(), by_country, [key.decode() for key in some["key"].to_pylist()]


def lancedb(store: pathlib.Path, name: str):
    import lancedb

    users = lancedb.connect(store).open_table("published")
    users.checkout(name)
    some = users.search().where("key >= CAST('user-010' AS BINARY) AND key < CAST('user-013' AS BINARY)").to_list()
    by_country = {country: 0 for country in COUNTRIES}
    for val in users.to_arrow()["val"].to_pylist():
        by_country[json.loads(val)["country"]] += 1
    return users.count_rows(), by_country, [row["key"].decode() for row in some]


def polars(store: pathlib.Path, name: str):
    import lance
    import polars

    users = polars.from_arrow(lance.dataset(str(store / "published.lance"), version=name).to_table(columns=["key", "val"]))
    users = users.with_columns(key=polars.col("key").cast(polars.String), val=polars.col("val").cast(polars.String))
    country = polars.col("val").str.json_path_match("$.country")
    by_country = users.group_by(country=country).len().rows()
    some = users.filter((polars.col("key") >= "user-010") & (polars.col("key") < "user-013"))
    return len(users), dict(by_country), some["key"].to_list()


def duckdb(store: pathlib.Path, name: str):
    import duckdb
    import lance

    users = lance.dataset(str(store / "published.lance"), version=name)
    connection = duckdb.connect()
    connection.register("users", users)
    ask = lambda query: connection.sql(query).fetchall()
    by_country = ask("SELECT json_extract_string(decode(val), '$.country') AS country, count(*) FROM users GROUP BY country")
    some = ask("SELECT decode(key) FROM users WHERE decode(key) >= 'user-010' AND decode(key) < 'user-013'")
    return ask("SELECT count(*) FROM users")[0][0], dict(by_country), [key for (key,) in some]


def daft(store: pathlib.Path, name: str):
    import daft

    version = json.loads((store / f"published.lance/_refs/tags/{name}.json").read_text())["version"]
    users = daft.read_lance(str(store / "published.lance"), version=version)
    rows = users.select(users["key"], users["val"]).to_pydict()
    by_country = {country: 0 for country in COUNTRIES}
    for val in rows["val"]:
        by_country[json.loads(val)["country"]] += 1
    keys = [key.decode() for key in rows["key"]]
    return users.count_rows(), by_country, [key for key in keys if "user-010" <= key < "user-013"]


READERS = {"pylance": ("lance", pylance), "lancedb": ("lancedb", lancedb), "polars": ("polars", polars), "duckdb": ("duckdb", duckdb), "daft": ("daft", daft)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("kv", type=pathlib.Path, help="the kv command")
    kv = arguments.parse_args().kv.resolve()
    with tempfile.TemporaryDirectory() as folder:
        store = pathlib.Path(folder) / "store"
        run = lambda *args: subprocess.run([kv, "--store", store, *args], check=True, capture_output=True, text=True).stdout
        lines = pathlib.Path(folder) / "users.jsonl"

        def load(numbers: range, country: str) -> None:
            users = ({"id": f"user-{n:03}", "country": country, "age": 20 + n % 50} for n in numbers)
            lines.write_text("".join(f"{json.dumps(user)}\n" for user in users))
            run("import", str(lines), "--key", "id")
            run("flush")

        # Rows that others hide, and deletions, in several runs.
        load(range(0, 900), "NO")
        load(range(300, 600), "SE")
        load(range(500, 700), "IS")
        run("del", "user-011", "user-650")
        print(run("publish", "--tag", "monday").strip())
        # What comes later is not in it.
        load(range(880, 990), "SE")
        run("publish")
        expected = (898, {"NO": 499, "SE": 200, "IS": 199}, ["user-010", "user-012"])
        failed = False
        for name, (module, reader) in READERS.items():
            try:
                version = getattr(importlib.import_module(module), "__version__", "")
            except ImportError:
                print(f"  --  {name} is not installed")
                continue
            count, by_country, some = reader(store, "monday")
            found = (count, by_country, sorted(some))
            if found == expected:
                print(f"  ok  {name} {version}: {count} users, {dict(sorted(by_country.items()))}, {sorted(some)}")
            else:
                failed = True
                print(f"  NO  {name} {version}: {found} instead of {expected}")
        if failed:
            sys.exit("check_readers: see above")


if __name__ == "__main__":
    main()
