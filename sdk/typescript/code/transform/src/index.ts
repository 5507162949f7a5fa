//! Makes values: a bank account number (IBAN) as people write it, in groups of four, is read as its plain form, and written
//! back in groups. One whose check digits are wrong is refused.

import { Refusal, columnType, exposeTransform, text, type Cell } from "lockstep-sdk/code";

export const transform = exposeTransform({
  name: "iban",
  version: "0.1.0",
  takes: [{ name: "iban", kinds: ["text"] }],
  gives: columnType("text", "", { length: 34 }),

  read([value]: Cell[]): Cell {
    const plain = textOf(value).replace(/\s/gu, "").toUpperCase();
    // No value in it: these words are logged.
    if (remainder(plain) !== 1) throw new Refusal("this is no IBAN, or a digit of it is wrong");
    return text(plain);
  },

  write(value: Cell): Cell {
    return text((textOf(value).match(/.{1,4}/gu) ?? []).join(" "));
  },
});

function textOf(value: Cell | undefined): string {
  if (value?.tag !== "text") throw new Refusal("it wants text");
  return value.val;
}

/** Of its number divided by 97 (ISO 13616): 1 for a correct one. */
function remainder(plain: string): number {
  if (!/^[0-9A-Z]{15,34}$/u.test(plain)) return 0;
  let remainder = 0;
  for (const character of plain.slice(4) + plain.slice(0, 4)) {
    const digit = parseInt(character, 36);
    remainder = (remainder * (digit < 10 ? 10 : 100) + digit) % 97;
  }
  return remainder;
}
