"""A session, outside the sandbox, against files on a web server."""

import random
import time
import unittest

from lockstep_sdk import ChangesRequest, Error, FetchRequest, Intent, PageRequest, Rejected, Role, Selection, WriteRequest
from served import Served
from session import Session

COLUMNS = ["id", "name"]
ALL = Selection("people", COLUMNS)


def text(people):
    return "id,name\n" + "".join(f"{identity},{name}\n" for identity, name in people.items())


class ASession(unittest.TestCase):
    def setUp(self):
        self.served = Served()
        self.addCleanup(self.served.stop)
        self.people = {"1": "Ada", "2": "Grace", "3": "Mary"}
        self.serve()

    def serve(self):
        self.served.files["/people.csv"] = text(self.people)

    def session(self, **given):
        objects = {"people": {"path": "/people.csv", "key": ["id"]} | given}
        config = {"base_url": self.served.url, "poll_interval_ms": 100, "objects": objects}
        return Session(Role.TAIL, config)

    def changes(self, session, after, most=100, selections=(ALL,)):
        return session.changes(ChangesRequest(list(selections), after, b"", most, 1 << 20, 150))

    def follow(self, session, after, most=100):
        """All there is, as rows by key; `None` for a deleted one. And the cursor behind it."""
        told = {}
        while True:
            answer = self.changes(session, after, most)
            for batch in answer.batches:
                for row in batch.rows:
                    told[row.key[0]] = row.cells[1] if batch.kind == "upsert" else None
                if batch.kind in ("gap", "schema"):
                    told[batch.kind] = True
            after = answer.cursor
            if not answer.batches:
                return told, after

    def test_what_changed_is_told_and_nothing_else(self):
        session = self.session()
        after = session.start([ALL]).cursor
        self.people = {"1": "Ada", "2": "Grace H.", "4": "Lise"}
        self.serve()
        told, after = self.follow(session, after)
        self.assertEqual(told, {"2": "Grace H.", "4": "Lise", "3": None})
        self.assertEqual(self.follow(session, after)[0], {})

    def test_another_session_goes_on_from_any_cursor(self):
        first = self.session()
        cursor = first.start([ALL]).cursor
        self.people = {"2": "Grace H.", "3": "Mary", "4": "Lise", "5": "Emmy"}
        self.serve()
        wanted = {"1": None, "2": "Grace H.", "4": "Lise", "5": "Emmy"}
        told = {}
        while len(told) < len(wanted):
            answer = self.changes(first, cursor, most=1)
            self.assertEqual(sum(len(batch.rows) for batch in answer.batches), 1)
            for batch in answer.batches:
                told |= {row.key[0]: row.cells[1] if row.cells else None for row in batch.rows}
            cursor = answer.cursor
            rest, _ = self.follow(self.session(), cursor)
            self.assertEqual(told | rest, wanted)
            self.assertEqual(told.keys() & rest.keys(), set())

    def test_a_file_is_asked_for_by_its_name_and_read_only_when_it_changed(self):
        session = self.session()
        after = session.start([ALL]).cursor
        self.served.asked.clear()
        self.follow(session, after)
        self.changes(session, after)
        self.assertEqual(set(self.served.asked), {304})

    def test_a_change_within_the_second_of_the_last_one_is_not_taken_for_that(self):
        self.served.etags = False
        self.served.modified = time.time()
        session = self.session()
        after = session.start([ALL]).cursor
        self.people["1"] = "Ada L."
        self.serve()
        self.assertEqual(self.follow(session, after)[0], {"1": "Ada L."})
        self.served.modified -= 60
        _, after = self.follow(session, after)
        self.changes(session, after)
        self.served.asked.clear()
        self.changes(session, after)
        self.assertIn(304, self.served.asked)

    def test_nothing_is_deleted_by_a_file_that_is_missing_broken_or_empty(self):
        session = self.session()
        after = session.start([ALL]).cursor
        for content, code in ((None, "unavailable"), ("id,name\n1,Ada\n2", "retry"), ("", "retry"), ("id,name\n", "retry")):
            self.served.files["/people.csv"] = content
            with self.assertRaises(Error) as raised:
                self.changes(session, after)
            self.assertEqual(raised.exception.code, code, content)
        self.serve()
        self.assertEqual(self.follow(session, after)[0], {})

    def test_an_empty_file_deletes_all_where_that_is_said(self):
        session = self.session(may_be_empty=True)
        after = session.start([ALL]).cursor
        self.served.files["/people.csv"] = "id,name\n"
        self.assertEqual(self.follow(session, after)[0], {"1": None, "2": None, "3": None})

    def test_a_file_of_more_rows_than_a_cursor_holds_is_compared_anew_after_a_restart_only(self):
        dice = random.Random(7)
        self.people = {f"{dice.getrandbits(96):x}": f"name {at}" for at in range(9_000)}
        self.serve()
        session = self.session()
        after = session.start([ALL]).cursor
        self.assertLess(len(after), 64 * 1024)
        identity = next(iter(self.people))
        self.people[identity] = "another"
        self.serve()
        told, later = self.follow(session, after)
        self.assertEqual(told, {identity: "another"})
        # At the end of what was told nothing is new for another session; before it, all may be.
        self.assertEqual(self.follow(self.session(), later)[0], {})
        self.assertEqual(self.follow(self.session(), after)[0], {"gap": True})

    def test_a_file_that_cannot_be_read_keeps_no_other_from_being_told(self):
        self.served.files["/pets.jsonl"] = '{"id":1,"name":"Rex"}\n'
        objects = {
            "people": {"path": "/people.csv", "key": ["id"]},
            "pets": {"path": "/pets.jsonl", "key": ["id"]},
        }
        session = Session(Role.TAIL, {"base_url": self.served.url, "poll_interval_ms": 100, "objects": objects})
        both = [ALL, Selection("pets", COLUMNS)]
        after = session.start(both).cursor
        self.served.files["/people.csv"] = "id"
        self.served.files["/pets.jsonl"] = '{"id":1,"name":"Max"}\n'
        answer = self.changes(session, after, selections=both)
        self.assertEqual([row.cells for row in answer.batches[0].rows], [[1, "Max"]])
        with self.assertRaises(Error):
            self.changes(session, answer.cursor, selections=both)

    def test_columns_that_change_are_told_of_before_the_rows(self):
        session = self.session()
        after = session.start([ALL]).cursor
        self.served.files["/people.csv"] = "id,title\n1,Countess\n2,Admiral\n3,\n"
        answer = self.changes(session, after)
        self.assertEqual([batch.kind for batch in answer.batches], ["schema", "upsert"])
        self.assertEqual(repr(answer.batches[1].rows[0].cells), "['1', ABSENT]")

    def test_pages_are_of_one_file_and_end(self):
        session, after, read = self.session(), b"", []
        while True:
            page = session.read(PageRequest(ALL, after, 2, 1 << 20))
            self.people["0"] = "new"
            self.serve()
            read += [row.cells for row in page.rows]
            after = page.next
            if not after:
                break
        self.assertEqual(read, [["1", "Ada"], ["2", "Grace"], ["3", "Mary"]])

    def test_rows_are_found_by_key_and_by_any_columns(self):
        self.people["4"] = "Ada"
        self.people["5"] = ""
        self.serve()
        session = self.session()
        found = session.fetch(FetchRequest(ALL, ["id"], [["9"], ["2"]]))
        self.assertEqual([(one.index, one.row.cells) for one in found], [(1, ["2", "Grace"])])
        found = session.fetch(FetchRequest(ALL, ["name"], [["Ada"], [None]]))
        self.assertEqual([(one.index, one.row.key) for one in found], [(0, ["1"]), (0, ["4"])])

    def test_writes_are_refused_in_words(self):
        intents = [Intent("create", [], ["9", "x"], []), Intent("delete", ["1"], [], ["1", "Ada"])]
        outcomes = self.session().write(WriteRequest("people", COLUMNS, intents, COLUMNS))
        self.assertTrue(all(isinstance(one, Rejected) and one.class_ == "read-only" for one in outcomes))
        self.assertEqual(len(outcomes), 2)

    def test_a_cursor_of_somebody_else_is_refused(self):
        session = self.session()
        cursor = session.start([ALL]).cursor
        for wrong in (b"", b"\xffkit", cursor + b"\x00", cursor[:-1], cursor[:6]):
            with self.assertRaises(Error) as raised:
                self.changes(self.session(), wrong)
            self.assertEqual(raised.exception.code, "cursor-invalid")

    def test_a_configuration_that_cannot_work_is_refused_by_the_key(self):
        good = {"path": "/a.csv", "key": ["id"]}
        wrong = {
            "base_url": {"objects": {"a": good}},
            "objects.a.key": {"base_url": "https://a", "objects": {"a": good | {"key": ["id", "id"]}}},
            "objects.a.format": {"base_url": "https://a", "objects": {"a": good | {"path": "/a.xlsx"}}},
            "objects.a.kind": {"base_url": "https://a", "objects": {"a": good | {"kind": "csv"}}},
            "poll_interval_ms": {"base_url": "https://a", "objects": {"a": good}, "poll_interval_ms": True},
        }
        for key, config in wrong.items():
            with self.assertRaises(Error) as raised:
                Session(Role.READ, config)
            self.assertEqual(raised.exception.code, "config")
            self.assertIn(f"`{key}`", raised.exception.message)


if __name__ == "__main__":
    unittest.main()
