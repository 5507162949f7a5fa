"""The SDK's records and values against the contract's generated types, both ways. Needs the
bindings that `componentize-py … bindings` generates on its path."""

import datetime
import decimal
import unittest
import uuid

from wit_world.imports import model as generated

from lockstep_sdk import ABSENT, Error, Json, Raw, model, outcomes, wire

UTC = datetime.timezone.utc
VALUES = [
    ABSENT,
    None,
    True,
    -(2**63),
    decimal.Decimal("12345678901234567890.10"),
    1.5,
    "text",
    b"\x00\xff",
    datetime.date(2026, 2, 28),
    datetime.time(23, 59, 59, 999_999),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
    uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"),
    Json('{"a":1}'),
    [None, 1, "x", Json("[]")],
    Raw("date", 2**31 - 1),
    Raw("timestamp", -(2**63)),
    Raw("local-timestamp", 2**63 - 1),
    Raw("time", 86_400_000_000),
]


class TheWire(unittest.TestCase):
    def test_every_value_comes_back_as_it_went(self):
        for value in VALUES:
            back = wire.lift_cell(wire.lower_cell(value))
            self.assertEqual(back, value)
            self.assertIs(type(back), type(value))

    def test_a_value_that_does_not_cross_is_named(self):
        for value in ({}, 2**63, [ABSENT], [[1]]):
            with self.assertRaises(Error) as raised:
                wire.lower_cell(value)
            self.assertEqual(raised.exception.code, "internal")

    def test_every_record_of_the_sdk_is_one_of_the_contract(self):
        for name in dir(model):
            made = getattr(model, name)
            if isinstance(made, type) and made.__module__ == model.__name__:
                ours = [field for field in made.__dataclass_fields__]
                theirs = [field for field in getattr(generated, name).__dataclass_fields__]
                self.assertEqual(sorted(ours), sorted(theirs), name)

    def test_records_cross_with_all_that_is_in_them(self):
        column = model.Column("id", model.ColumnType("text", "text"), references=model.Reference("o", ["k"]))
        told = wire.lower([model.Object("people", [column], ["id"])])
        self.assertIsInstance(told[0], generated.Object)
        self.assertIsInstance(told[0].columns[0].references, generated.Reference)
        self.assertEqual(wire.lift(model.Object, told[0]).columns, [column])

    def test_requests_arrive_with_values_of_python(self):
        cell, key = generated.Cell_Integer(3), generated.Cell_Text("a")
        intent = generated.Intent("update", [key], [generated.Cell_Absent()], [cell])
        request = wire.lift(model.WriteRequest, generated.WriteRequest("o", ["c"], [intent], []))
        self.assertEqual(request, model.WriteRequest("o", ["c"], [model.Intent("update", ["a"], [ABSENT], [3])], []))

    def test_outcomes_become_their_cases(self):
        row = model.Row(["a"], [1])
        told = wire.lower([outcomes.Applied(row), outcomes.Gone(), outcomes.Rejected("c", "check", "m")])
        self.assertEqual([type(one).__name__ for one in told], ["Outcome_Applied", "Outcome_Gone", "Outcome_Rejected"])
        self.assertEqual(told[0].value.key, [generated.Cell_Text("a")])
        overwrote = wire.lower(outcomes.Overwrote(row, [model.FieldOverwrite("c", 1, "somebody")]))
        self.assertEqual(overwrote.value[1][0].value, generated.Cell_Integer(1))


if __name__ == "__main__":
    unittest.main()
