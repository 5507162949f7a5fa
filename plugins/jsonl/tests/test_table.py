"""A file's bytes as rows."""

import datetime
import decimal
import unittest

import settings
import table
import typed
from lockstep_sdk import Error, Json


def file(**given):
    told = {"path": "/x.csv", "key": ["id"]} | given
    return settings.parse({"base_url": "https://a.example", "objects": {"x": told}}).files["x"]


def rows(of, text):
    return {name: line.values for name, line in table.read(of, text.encode()).lines.items()}


class Csv(unittest.TestCase):
    def test_values_are_of_their_columns_kinds(self):
        of = file(columns={"born": "date", "paid": "decimal", "active": "bool", "seen": "timestamp", "n": "int"})
        text = 'id,name,born,paid,active,seen,n\n7,"Ada, ""A""\r\nL",1815-12-10,1.50,yes,2026-01-02T03:04:05Z,-3\n'
        moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        born = datetime.date(1815, 12, 10)
        told = rows(of, text)['["7"]']
        self.assertEqual(told, ["7", 'Ada, "A"\r\nL', born, decimal.Decimal("1.50"), True, moment, -3])

    def test_what_does_not_fit_its_kind_stays_a_text_and_keeps_no_other_row_away(self):
        of = file(columns={"n": "int"})
        self.assertEqual(rows(of, "id,n\n1,many\n2,3\n"), {'["1"]': ["1", "many"], '["2"]': ["2", 3]})

    def test_an_empty_value_is_none_and_a_mark_may_stand_for_it(self):
        self.assertEqual(rows(file(), "id,a\n1,\n")['["1"]'], ["1", None])
        self.assertEqual(rows(file(null="\\N"), "id,a,b\n1,\\N,\n")['["1"]'], ["1", None, ""])

    def test_half_a_file_is_no_table(self):
        for text in ("id,a\n1,x\n2", "", 'id,a\n1,"x', "id,a\n1,x,y\n"):
            with self.assertRaises(Error) as raised:
                table.read(file(), text.encode())
            self.assertEqual(raised.exception.code, "retry", text)

    def test_rows_that_cannot_be_told_apart_are_named(self):
        for text, words in (("id,a\n1,x\n1,y\n", "lines 2 and 3"), ("id,a\n,x\n", "line 2")):
            with self.assertRaises(Error) as raised:
                table.read(file(), text.encode())
            self.assertIn(words, raised.exception.message)

    def test_a_file_that_is_too_long_is_refused(self):
        of = settings.parse({"base_url": "https://a", "rows_max": 1, "objects": {"x": {"path": "/x.csv", "key": ["id"]}}})
        with self.assertRaises(Error) as raised:
            table.read(of.files["x"], b"id\n1\n2\n")
        self.assertEqual(raised.exception.code, "config")

    def test_only_utf_8_is_read_with_or_without_its_mark(self):
        self.assertEqual(list(table.read(file(), "\ufeffid\n1\n".encode()).kinds), ["id"])
        with self.assertRaises(Error):
            table.read(file(), b"id\n\xff\n")


class JsonLines(unittest.TestCase):
    def of(self, **given):
        return file(path="/x.jsonl", **given)

    def test_kinds_are_those_that_hold_every_value(self):
        text = (
            '{"id":1,"a":true,"b":1,"c":"x","d":[1.10,{"k":null}],"e":1}\n\n'
            '{"id":2,"a":null,"b":2.5,"c":null,"e":"y","f":12345678901234567890}\n'
        )
        read = table.read(self.of(), text.encode())
        kinds = {"id": "int", "a": "bool", "b": "decimal", "c": "text", "d": "json", "e": "json", "f": "decimal"}
        self.assertEqual(read.kinds, kinds)
        first, second = read.lines['["1"]'].values, read.lines['["2"]'].values
        self.assertEqual(first, [1, True, decimal.Decimal(1), "x", Json('[1.10,{"k":null}]'), Json("1"), None])
        big = decimal.Decimal("12345678901234567890")
        self.assertEqual(second, [2, None, decimal.Decimal("2.5"), None, None, Json('"y"'), big])

    def test_kinds_that_are_told_go_before_those_that_are_seen(self):
        text = '{"id":"a","when":"2026-01-02","n":"3","t":4,"u":true}\n'
        told = rows(self.of(columns={"when": "date", "n": "int", "t": "text", "u": "text"}), text)
        self.assertEqual(told['["a"]'], ["a", datetime.date(2026, 1, 2), 3, "4", "true"])

    def test_a_line_that_is_no_object_is_named(self):
        for text in ('{"id":1}\n[1]\n', '{"id":1}\n{"id":', '{"id":1}\n{"id":NaN}', '{"id":1}\n{"id":"\\ud800"}'):
            with self.assertRaises(Error) as raised:
                table.read(self.of(), text.encode())
            self.assertIn("line 2", raised.exception.message)


class Names(unittest.TestCase):
    def test_a_key_has_one_name_whatever_its_notation(self):
        self.assertEqual(typed.name([decimal.Decimal("1.50")]), typed.name([decimal.Decimal("1.5")]))
        self.assertEqual(typed.name([decimal.Decimal("100")]), '["100"]')
        self.assertNotEqual(typed.name(["a", "b"]), typed.name(['a","b']))


if __name__ == "__main__":
    unittest.main()
