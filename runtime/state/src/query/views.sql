-- What `lockstep sql` shows. Made anew for each query, so they are code, not
-- stored state, and may grow with any version. Times are ISO 8601 in UTC.

-- One row per sync.
CREATE TEMP VIEW syncs AS
SELECT s.name AS sync,
       CASE s.phase WHEN 0 THEN 'first-copy' WHEN 1 THEN 'sweep' ELSE 'live' END AS phase,
       s.paused,
       (SELECT coalesce(sum(n), 0) FROM main.counter c WHERE c.sync = s.id AND c.kind = 1) AS records,
       (SELECT coalesce(sum(n), 0) FROM main.counter c WHERE c.sync = s.id AND c.kind = 2) AS tombstones,
       (SELECT coalesce(sum(n), 0) FROM main.counter c WHERE c.sync = s.id AND c.kind = 4) AS pending,
       (SELECT coalesce(sum(n), 0) FROM main.counter c WHERE c.sync = s.id AND c.kind > 100 AND c.kind NOT IN (103, 107)) AS held,
       (SELECT coalesce(sum(n), 0) FROM main.counter c WHERE c.sync = s.id AND c.kind = 5) AS quarantined,
       s.commit_seq AS commits,
       s.epoch,
       (SELECT max(version) FROM main.rules r WHERE r.sync = s.id) AS rules
FROM main.sync s;

-- One row per side of a sync: where its stream and its full read stand.
CREATE TEMP VIEW cursors AS
SELECT s.name AS sync, d.name AS side,
       hex(d.cursor) AS cursor, d.cursor_version, d.generation, d.connector,
       CASE d.backfill_state WHEN 0 THEN 'not-begun' WHEN 1 THEN 'reading' ELSE 'finished' END AS backfill,
       d.paused,
       (SELECT coalesce(sum(n), 0) FROM main.counter c WHERE c.sync = d.sync AND c.side = d.id AND c.kind = 3) AS links,
       (SELECT coalesce(sum(n), 0) FROM main.counter c WHERE c.sync = d.sync AND c.side = d.id AND c.kind = 4) AS pending,
       (SELECT coalesce(sum(n), 0) FROM main.counter c WHERE c.sync = d.sync AND c.side = d.id AND c.kind = 5) AS quarantined
FROM main.side d JOIN main.sync s ON s.id = d.sync;

-- One row per record. `row` finds it at once, here and in fields and links.
CREATE TEMP VIEW records AS
SELECT s.name AS sync, r.id & 0xFFFFFFFFFF AS record,
       lockstep_life(r.body) AS life,
       lockstep_time(r.gone_at) AS deleted_at,
       (r.bits >> 1) & 1 AS waits,
       nullif(r.entry, 0) AS entry,
       r.id AS row
FROM main.record r JOIN main.sync s ON s.id = r.id >> 40;

-- One row per record and field: the agreed value, who set it and when.
CREATE TEMP VIEW fields AS
SELECT s.name AS sync, r.id & 0xFFFFFFFFFF AS record,
       f.value ->> 'field' AS field, f.value ->> 'value' AS value,
       f.value ->> 'side' AS side, f.value ->> 'at' AS at,
       nullif(f.value ->> 'entry', 0) AS entry, f.value ->> 'held' AS held,
       r.id AS row
FROM main.record r JOIN main.sync s ON s.id = r.id >> 40,
     json_each(lockstep_fields(r.id >> 40, r.body)) f;

-- One row per record and side: the key there and what it was last known to hold (JSON).
CREATE TEMP VIEW links AS
SELECT s.name AS sync, r.id & 0xFFFFFFFFFF AS record,
       l.value ->> 'side' AS side, l.value ->> 'key' AS key, l.value ->> 'presence' AS presence,
       l.value -> 'observed' AS observed, l.value -> 'written' AS written,
       l.value ->> 'generation' AS generation, l.value ->> 'quarantined' AS quarantined,
       r.id AS row
FROM main.record r JOIN main.sync s ON s.id = r.id >> 40,
     json_each(lockstep_links(r.id >> 40, r.body)) l;

-- One row per journal entry; what happened is JSON that differs by kind.
CREATE TEMP VIEW journal AS
SELECT s.name AS sync, j.id & 0xFFFFFFFFFF AS entry, lockstep_time(j.at) AS at,
       lockstep_kind(j.kind) AS kind, j.record, d.name AS side, j.rules,
       lockstep_entry(j.id >> 40, j.body) AS what
FROM main.journal j JOIN main.sync s ON s.id = j.id >> 40
LEFT JOIN main.side d ON d.sync = s.id AND d.id = j.side;

-- What waits for a person or a parent.
CREATE TEMP VIEW waiting AS
SELECT s.name AS sync, a.record, lockstep_waiting(a.kind) AS kind,
       f.name AS field, d.name AS side,
       lockstep_time(nullif(a.since, 0)) AS since, nullif(a.entry, 0) AS entry
FROM main.attention a JOIN main.sync s ON s.id = a.sync
LEFT JOIN main.field f ON f.sync = a.sync AND f.id = a.field
LEFT JOIN main.side d ON d.sync = a.sync AND d.id = a.side;

-- Of these, what a person has to decide.
CREATE TEMP VIEW conflicts AS
SELECT * FROM waiting WHERE kind IN ('conflict', 'held-delete', 'ambiguous', 'ping-pong');

-- Writes a side refused for good.
CREATE TEMP VIEW quarantine AS
SELECT sync, side, record, at, signature,
       q ->> 'action' AS action, q ->> 'class' AS class, q ->> 'code' AS code,
       q ->> 'message' AS message, q -> 'columns' AS columns, q -> 'values' AS "values",
       q ->> 'attempts' AS attempts
FROM (SELECT s.name AS sync, d.name AS side, q.record, lockstep_time(q.at) AS at, q.signature,
             lockstep_quarantined(q.side >> 8, q.body) AS q
      FROM main.quarantine q JOIN main.sync s ON s.id = q.side >> 8
      JOIN main.side d ON d.sync = s.id AND d.id = q.side & 255);

-- Writes that wait to be sent.
CREATE TEMP VIEW pending AS
SELECT s.name AS sync, d.name AS side, m.record,
       CASE m.action WHEN 0 THEN 'create' WHEN 1 THEN 'update' ELSE 'delete' END AS action
FROM main.mark m JOIN main.sync s ON s.id = m.side >> 8
JOIN main.side d ON d.sync = s.id AND d.id = m.side & 255;

-- The mapping and rules as they were in force.
CREATE TEMP VIEW rules AS
SELECT s.name AS sync, r.version, r.text
FROM main.rules r JOIN main.sync s ON s.id = r.sync;

-- What people did.
CREATE TEMP VIEW operations AS
SELECT lockstep_time(at) AS at, who, action, target, note FROM main.operation;
