-- Version 3: what sides told of rows that are still to be read. Never edited once released.

-- side: sync << 8 | side. n 0: only that the row changed; from 1 on: values that
-- were glimpsed of it, in the order they were told. body: see notice.rs; empty for n 0.
CREATE TABLE notice (
    side INTEGER NOT NULL,
    key BLOB NOT NULL,
    n INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (side, key, n)
) WITHOUT ROWID;
