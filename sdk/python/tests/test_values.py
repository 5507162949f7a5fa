"""Values on their way to the contract and back."""

import datetime
import decimal
import unittest

from lockstep_sdk import ABSENT, Raw, values


class Values(unittest.TestCase):
    def test_moments_count_microseconds_whatever_the_zone(self):
        berlin = datetime.timezone(datetime.timedelta(hours=1))
        moment = datetime.datetime(1970, 1, 1, 1, 0, 0, 5, tzinfo=berlin)
        self.assertEqual(values.timestamp_us(moment), 5)
        self.assertEqual(values.timestamp(5), moment)
        self.assertEqual(values.timestamp_us(datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999)), -1)
        self.assertEqual(values.local_timestamp(-1), datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999))

    def test_what_python_cannot_hold_crosses_as_it_is(self):
        for infinite in (2**63 - 1, -(2**63)):
            self.assertEqual(values.timestamp(infinite), Raw("timestamp", infinite))
            self.assertEqual(values.local_timestamp(infinite), Raw("local-timestamp", infinite))
        self.assertEqual(values.date(2**31 - 1), Raw("date", 2**31 - 1))
        self.assertEqual(values.time(86_400_000_000), Raw("time", 86_400_000_000))

    def test_days_are_counted_from_1970_on(self):
        for day in (datetime.date(1, 1, 1), datetime.date(1970, 1, 1), datetime.date(9999, 12, 31)):
            self.assertEqual(values.date(values.days(day)), day)
        self.assertEqual(values.days(datetime.date(1970, 1, 2)), 1)

    def test_decimals_are_told_in_plain_notation(self):
        told = {"1E+3": "1000", "-0.00000010": "-0.00000010", "NaN": "NaN", "-Infinity": "-Infinity"}
        for given, text in told.items():
            self.assertEqual(values.decimal_text(decimal.Decimal(given)), text)

    def test_true_is_not_one(self):
        self.assertFalse(values.same(True, 1))
        self.assertFalse(values.same(1, 1.0))
        self.assertFalse(values.same([1, None], [True, None]))
        self.assertTrue(values.same([1, "x"], [1, "x"]))
        self.assertFalse(values.same(ABSENT, None))


if __name__ == "__main__":
    unittest.main()
