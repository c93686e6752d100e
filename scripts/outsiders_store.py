"""The small stores that check_outsiders.py lets other tools change, closed and running."""

import json
import pathlib
import subprocess
import threading

import lance
import lancedb
import pyarrow as pa

# Nothing of these stores takes so long.
SECONDS = 120


class Failed(Exception):
    pass


def expect(what: str, found, wanted) -> None:
    if found != wanted:
        raise Failed(f"{what}: {str(found)[:300]} instead of {str(wanted)[:300]}")


def text(value):
    return value.decode() if isinstance(value, bytes) else value


class Store:
    """A closed store with two runs, a tombstone and some history, and one key that is in the journal only."""

    def __init__(self, kv: pathlib.Path, folder: pathlib.Path):
        self.kv, self.folder, self.path = kv, folder, folder / "store"
        self.rows: dict[str, str] = {}
        self.load(range(0, 50), "old")
        self.old = json.loads(self.run("--json", "set", "key-20", "old"))["version"]
        self.run("flush")
        self.run("compact")
        self.load(range(25, 75), "new")
        self.run("set", "key-20", "new")
        self.run("del", "key-0", "key-30")
        self.run("flush")
        self.rows |= {"key-20": "new"}
        del self.rows["key-0"], self.rows["key-30"]
        # What an outside reader sees: not what is in the journal only.
        self.flushed = dict(self.rows)
        self.run("set", "journal", "only")
        self.rows |= {"journal": "only"}
        self.runs = self.figure("runs")
        expect("runs to begin with", self.runs, 2)
        self.holds("to begin with")

    def load(self, numbers: range, state: str) -> None:
        lines = [json.dumps({"id": f"key-{n}", "state": state}) for n in numbers]
        file = self.folder / f"{state}.jsonl"
        file.write_text("".join(f"{line}\n" for line in lines))
        self.run("import", str(file), "--key", "id")
        self.rows |= {json.loads(line)["id"]: line for line in lines}

    def call(self, *args: str, store: pathlib.Path | None = None) -> tuple[int, str]:
        command = [self.kv, "--store", store or self.path, *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        return done.returncode, (done.stdout if done.returncode == 0 else done.stderr).strip()

    def run(self, *args: str, store: pathlib.Path | None = None) -> str:
        code, said = self.call(*args, store=store)
        expect(f"kv {' '.join(args)} ({said}) exits with", code, 0)
        return said

    def figure(self, name: str) -> int:
        return json.loads(self.run("--json", "stat"))["statistics"][name]

    def scan(self, store: pathlib.Path | None = None) -> dict[str, str]:
        lines = [json.loads(line) for line in self.run("--json", "scan", store=store).splitlines()]
        return {line["key"]: line["value"] for line in lines}

    def holds(self, when: str) -> None:
        expect(f"count {when}", self.run("count"), str(len(self.rows)))
        expect(f"get {when}", self.run("get", "key-40"), self.rows["key-40"])
        expect(f"get of a deleted key {when}", self.call("get", "key-30")[0], 1)
        expect(f"scan {when}", self.scan(), self.rows)

    def holds_history(self, when: str) -> None:
        expect(f"history {when}", self.run("get", "key-20", "--at", str(self.old)), "old")

    def uri(self) -> str:
        return str(self.path / "kv.lance")

    def lance(self, version=None) -> lance.LanceDataset:
        return lance.dataset(self.uri(), version=version)

    def files(self) -> set[str]:
        return {file.path for part in self.lance().get_fragments() for file in part.data_files()}

    def table(self) -> pa.Table:
        """All rows; the order of the files says nothing."""
        return self.lance().to_table().sort_by([("key", "ascending"), ("version", "ascending")])

    def lancedb(self):
        return lancedb.connect(str(self.path)).open_table("kv")

    def outside(self) -> dict[str, str]:
        """What the newest rows of the table say to a reader who knows the columns."""
        rows = sorted(self.lance().to_table().to_pylist(), key=lambda row: row["version"])
        newest = {text(row["key"]): row for row in rows}
        return {key: text(row["val"]) for key, row in newest.items() if not row["tombstone"]}

    def ends_well(self) -> None:
        """Compactions take, and leave a table that holds the store's rows and no others."""
        self.run("flush")
        self.run("compact")
        self.holds("after a compaction")
        for _ in range(2):
            self.run("compact", "--no-history")
            self.holds("after a compaction without history")
        table = self.lance().to_table(columns=["key", "val"]).to_pylist()
        expect("rows that pylance finds", len(table), len(self.rows))
        expect("what pylance finds", {r["key"].decode(): r["val"].decode() for r in table}, self.rows)


class Running:
    """`kv shell` on a store: a process that has it open, and does what it is told."""

    def __init__(self, store: Store, **settings: str):
        self.store = store
        parameters = "&".join(f"{name}={value}" for name, value in settings.items())
        command = [store.kv, "--json", "--store", f"{store.path}?{parameters}" if parameters else store.path, "shell"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, text=True, **pipes)
        self.killer = threading.Timer(SECONDS, self.process.kill)
        self.killer.start()
        self.holds("when it is opened")

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.killer.cancel()
        self.process.kill()
        self.process.wait()

    def line(self) -> str:
        line = self.process.stdout.readline().strip()
        return line or f"nothing: it ended with {self.process.wait()}"

    def tell(self, command: str) -> str:
        """A command and the line that it answers."""
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return self.line()

    def does(self, command: str) -> dict:
        said = self.tell(command)
        if not said.startswith("{"):
            raise Failed(f"the running store answers '{said}' to '{command}'")
        return json.loads(said)

    def set(self, key: str, val: str) -> None:
        self.does(f"set {key} '{val}'")
        self.store.rows[key] = val

    def flush(self) -> None:
        self.does("flush")
        self.store.flushed = dict(self.store.rows)

    def scan(self) -> dict[str, str]:
        rows, lines = self.does("count")["count"], []
        if rows:
            lines = [json.loads(self.tell("scan"))] + [json.loads(self.line()) for _ in range(rows - 1)]
        return {line["key"]: line["value"] for line in lines}

    def holds(self, when: str) -> None:
        """Those who read through it see its rows."""
        rows = self.store.rows
        expect(f"get in the running store {when}", self.does("get key-40")["value"], rows["key-40"])
        expect(f"a deleted key in the running store {when}", self.tell("get key-30").startswith("kv: no value"), True)
        old = self.does(f"get key-20 --at {self.store.old}")["value"]
        expect(f"history in the running store {when}", old, "old")
        expect(f"scan in the running store {when}", self.scan(), rows)

    def shown(self, when: str) -> None:
        """And so do those who read the table: what was flushed, and nothing else."""
        expect(f"what outside readers see {when}", self.store.outside(), self.store.flushed)

    def close(self) -> tuple[int, str]:
        """Its exit code, and what it says last."""
        rest = self.process.communicate()[0].strip()
        return self.process.returncode, rest

