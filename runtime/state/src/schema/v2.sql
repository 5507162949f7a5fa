-- Version 2: which connector each connection uses. Never edited once released.

-- connector: JSON in the engine's words, which carry a version of their own.
CREATE TABLE connection (
    name TEXT PRIMARY KEY,
    connector TEXT NOT NULL
) WITHOUT ROWID;
