-- Version 1 of the state file. Never edited once released: a change is a new file.
-- Every row is keyed by its sync first; nothing spans two syncs.

CREATE TABLE store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- Secret of this file that keeps outsiders from choosing colliding index places.
    hash_key BLOB NOT NULL
);

CREATE TABLE sync (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    owner BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    commit_seq INTEGER NOT NULL,
    next_record INTEGER NOT NULL,
    next_entry INTEGER NOT NULL,
    -- 0 first copy, 1 sweep (swept: last record reviewed), 2 live
    phase INTEGER NOT NULL,
    swept INTEGER NOT NULL,
    paused INTEGER NOT NULL
);

CREATE TABLE side (
    sync INTEGER NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    cursor BLOB,
    cursor_version INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    connector TEXT NOT NULL,
    -- 0 not begun, 1 at `backfill`, 2 finished
    backfill_state INTEGER NOT NULL,
    backfill BLOB,
    paused INTEGER NOT NULL,
    PRIMARY KEY (sync, id),
    UNIQUE (sync, name)
) WITHOUT ROWID;

CREATE TABLE field (
    sync INTEGER NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    -- Its values are masked wherever people look.
    sensitive INTEGER NOT NULL,
    PRIMARY KEY (sync, id),
    UNIQUE (sync, name)
) WITHOUT ROWID;

-- The text of mapping and rules as they were in force, by version.
CREATE TABLE rules (
    sync INTEGER NOT NULL,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (sync, version)
) WITHOUT ROWID;

-- id: sync << 40 | record.
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    -- bit 0 lives, bit 1 needs attention, bit 2 + n: live at side n
    bits INTEGER NOT NULL,
    -- newest journal entry about it; 0 none
    entry INTEGER NOT NULL,
    gone_at INTEGER,
    body BLOB NOT NULL
);
CREATE INDEX record_gone ON record (gone_at) WHERE gone_at IS NOT NULL;

-- side: sync << 8 | side. place: see place.rs. Candidates; the record's link decides.
CREATE TABLE link_key (
    side INTEGER NOT NULL,
    place INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (side, place, record)
) WITHOUT ROWID;

CREATE TABLE match_key (
    sync INTEGER NOT NULL,
    place INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (sync, place, record)
) WITHOUT ROWID;

-- action: 0 create, 1 update, 2 delete.
CREATE TABLE mark (
    side INTEGER NOT NULL,
    record INTEGER NOT NULL,
    action INTEGER NOT NULL,
    PRIMARY KEY (side, record)
) WITHOUT ROWID;

-- What waits for a person or a parent, derived from the record. kind: see attention.rs.
CREATE TABLE attention (
    sync INTEGER NOT NULL,
    record INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    -- -1: the whole record
    field INTEGER NOT NULL,
    -- -1: no side
    side INTEGER NOT NULL,
    since INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    -- place of the awaited parent's key; 0 for other kinds
    place INTEGER NOT NULL,
    PRIMARY KEY (sync, record, kind, field, side)
) WITHOUT ROWID;
CREATE INDEX attention_kind ON attention (sync, kind, place, record);

CREATE TABLE quarantine (
    side INTEGER NOT NULL,
    record INTEGER NOT NULL,
    at INTEGER NOT NULL,
    signature TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (side, record)
) WITHOUT ROWID;
CREATE INDEX quarantine_signature ON quarantine (signature, side);

-- id: sync << 40 | seq. previous: the record's entry before this one; 0 none.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    record INTEGER,
    previous INTEGER NOT NULL,
    side INTEGER,
    rules INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX journal_at ON journal (at);
-- Conflicts, refusals and people's actions are asked for among many plain absorptions.
CREATE INDEX journal_kind ON journal (kind) WHERE kind NOT IN (0, 2, 3, 5);

-- kind: see counts.rs. side -1: of the whole sync.
CREATE TABLE counter (
    sync INTEGER NOT NULL,
    side INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (sync, side, kind)
) WITHOUT ROWID;

CREATE TABLE setting (
    sync INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (sync, name)
) WITHOUT ROWID;

CREATE TABLE saved_plan (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    summary TEXT NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE operation (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    note TEXT NOT NULL
);
