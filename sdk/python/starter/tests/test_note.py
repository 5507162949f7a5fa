"""A note as rows. Everything but `app` runs outside the sandbox, so this is plain Python."""

import unittest

import note
from lockstep_sdk import Error


class ANote(unittest.TestCase):
    def test_what_the_service_leaves_out_is_null_and_not_absent(self):
        row = note.row({"id": "a", "revision": 7, "title": "x", "stars": 3}, ["title", "stars", "done"])
        self.assertEqual(row.cells, ["x", 3, None])
        self.assertEqual(row.version, (7).to_bytes(8))

    def test_a_column_that_does_not_exist_is_named(self):
        with self.assertRaises(Error) as raised:
            note.known("notes", ["colour"])
        self.assertEqual(raised.exception.code, "not-found")
        self.assertIn("colour", raised.exception.message)


if __name__ == "__main__":
    unittest.main()
