"""Running stores: another tool changes the table while a process has the store open."""

import threading
import time

from outsiders_closed import carried_to_the_end, names_it, restored, says_so, theirs
from outsiders_store import Failed, Running, Store, expect


def ends(kv: Running) -> None:
    """An orderly end, after which the store holds what it held."""
    expect("the running store ends with", kv.close(), (0, ""))
    kv.store.holds("after it was closed")
    kv.store.holds_history("after it was closed")


def carried(store: Store, act) -> None:
    reader = store.lance()
    rows, before = reader.to_table(), theirs(store)
    with Running(store) as kv:
        act(store)
        made = theirs(store)
        if made == before:
            raise Failed("the tool has changed nothing")
        kv.holds("after it")
        kv.set("beside", "1")
        for command in ("flush", "compact"):
            kv.does(command)
            store.flushed = dict(store.rows)
            kv.holds(f"after a {command}")
            kv.shown(f"after a {command}")
            expect(f"what was carried along by a {command}", theirs(store), made)
        kv.set("later", "2")
        expect("what a reader from before sees", reader.to_table().equals(rows), True)
        ends(kv)
    carried_to_the_end(store, made)


def cleaned(store: Store, act) -> None:
    with Running(store) as kv:
        for number, command in enumerate(("flush", "compact")):
            act(store)
            expect("versions that are left", len(store.lance().versions()), 1)
            kv.holds(f"after it, before a {command}")
            kv.shown(f"after it, before a {command}")
            kv.set(f"beside-{number}", "1")
            kv.does(command)
            store.flushed = dict(store.rows)
            kv.holds(f"after a {command}")
            kv.shown(f"after a {command}")
        act(store)
        kv.set("later", "2")
        ends(kv)
    store.ends_well()


def gone(store: Store, act) -> None:
    with Running(store) as kv:
        for command in ("flush", "compact"):
            act(store)
            kv.holds(f"after it, before a {command}")
            kv.set(f"before-a-{command}", "1")
            kv.does(command)
            store.flushed = dict(store.rows)
            kv.holds(f"after a {command}")
            kv.shown(f"after a {command}")
        act(store)
        kv.does("flush")
        kv.shown("after a flush of nothing")
        act(store)
        kv.set("later", "2")
        ends(kv)
    store.ends_well()


def rewritten(store: Store, act) -> None:
    reader = store.lance()
    rows = reader.to_table()
    with Running(store) as kv:
        for command, fragments in (("flush", 3), ("compact", 1)):
            act(store)
            expect("fragments of the rewrite", len(store.lance().get_fragments()), 1)
            kv.holds(f"after it, before a {command}")
            kv.shown(f"after it, before a {command}")
            kv.set(f"before-a-{command}", "1")
            kv.does(command)
            store.flushed = dict(store.rows)
            expect(f"fragments after a {command}", len(store.lance().get_fragments()), fragments)
            kv.holds(f"after a {command}")
            kv.shown(f"after a {command}")
        if reader.version in [version["version"] for version in store.lance().versions()]:
            expect("what a reader from before sees", reader.to_table().equals(rows), True)
        kv.set("later", "2")
        kv.flush()
        before = store.files()
        act(store)
        expect("fragments of the rewrite", len(store.lance().get_fragments()), 1)
        kv.does("flush")
        expect("files of the table after a flush of nothing", store.files(), before)
        act(store)
        ends(kv)
        expect("files of the table after the end", store.files(), before)
    store.ends_well()


def refused(store: Store, act) -> None:
    before = store.table()
    with Running(store) as kv:
        act(store)
        version, made = store.lance().version, store.lance().to_table()
        kv.holds("after it")
        for number, command in enumerate(("flush", "compact", "compact --no-history")):
            kv.set(f"beside-{number}", "1")
            names_it(kv.tell(command), version, f"the running store to '{command}'")
            kv.holds(f"after a {command} that was refused")
        expect("the version that the tool made stays the newest", store.lance().version, version)
        expect("and its rows", store.lance().to_table().equals(made), True)
        code, said = kv.close()
        expect(f"the running store ({said}) ends with", code, 3)
        names_it(said, version, "the running store at its end")
    says_so(store)
    restored(store, before, made)


def rewritten_all_the_time(store: Store, act) -> None:
    """The tool commits while the store does, again and again; each may have to give way to the other."""
    ended, errors, done = threading.Event(), [], []

    def rewrite() -> None:
        while not ended.is_set():
            try:
                act(store)
                done.append(act)
            except Exception as error:
                errors.append(error)  # a conflict, or a file that went with a compaction: the tool's to try again
            time.sleep(0.02)

    with Running(store) as kv:
        tools = [threading.Thread(target=rewrite) for _ in range(2)]
        for tool in tools:
            tool.start()
        try:
            for number in range(20):
                kv.set(f"beside-{number}", str(number))
                kv.does("compact" if number % 5 == 4 else "flush")
            kv.holds("beside it")
        finally:
            ended.set()
            for tool in tools:
                tool.join()
        if not done:
            raise Failed(f"the tool has done nothing: {errors[-1] if errors else None}")
        ends(kv)
    store.ends_well()


def refused_until_there_is_no_room(store: Store, act) -> None:
    """Commits go on into the journal until memory is full; what is refused then is not in the store."""
    before = store.table()
    with Running(store, memtable_bytes="4KiB", frozen_memtables="2") as kv:
        act(store)
        version, made = store.lance().version, store.lance().to_table()
        for number in range(1000):
            said = kv.tell(f"set beside-{number} {'x' * 100}")
            if said.startswith("kv: "):
                names_it(said, version, "the running store to a 'set'")
                break
            store.rows[f"beside-{number}"] = "x" * 100
        if not 20 < number < 500:
            raise Failed(f"{number} commits were taken")
        kv.holds("when there is no room")
        code, said = kv.close()
        expect(f"the running store ({said}) ends with", code, 3)
    says_so(store)
    restored(store, before, made)
