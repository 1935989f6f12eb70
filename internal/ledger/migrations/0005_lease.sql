-- Identities that are leased from a fleet: under which request, and that they were given back.

-- +goose Up
CREATE TABLE identity_new (
  pool    TEXT    NOT NULL,
  id      INTEGER NOT NULL CHECK (id > 0), -- in the order of the import; the fleet's number
  columns TEXT    NOT NULL, -- JSON: the columns that are no secrets
  sealed  TEXT    NOT NULL, -- the others as JSON, encrypted with age; empty if there are none
  digest  TEXT    NOT NULL, -- of the row as it was imported: one row is imported once
  state   TEXT    NOT NULL CHECK (state IN ('free', 'assigned', 'bound', 'burned', 'returned')),
  serial  TEXT    NOT NULL, -- of the tablet that has it
  job     TEXT    NOT NULL, -- that changed its state last
  ts      TEXT    NOT NULL,
  note    TEXT    NOT NULL,
  station TEXT    NOT NULL DEFAULT '', -- of the entry that changed it last
  seq     INTEGER NOT NULL DEFAULT 0,
  salt    TEXT    NOT NULL DEFAULT '', -- random; the entry must not be a way to try values
  proof   TEXT    NOT NULL DEFAULT '', -- a digest of salt, pool, id, columns and sealed
  lease   TEXT    NOT NULL DEFAULT '', -- the request that it was leased under; 'adopted'; empty: imported here
  PRIMARY KEY (pool, id)
) STRICT, WITHOUT ROWID;
INSERT INTO identity_new (pool, id, columns, sealed, digest, state, serial, job, ts, note, station, seq, salt, proof)
SELECT pool, id, columns, sealed, digest, state, serial, job, ts, note, station, seq, salt, proof FROM identity;
DROP TABLE identity;
ALTER TABLE identity_new RENAME TO identity;
CREATE UNIQUE INDEX identity_once ON identity (pool, digest);
CREATE UNIQUE INDEX identity_tablet ON identity (pool, serial) WHERE serial <> '' AND state IN ('assigned', 'bound');

-- +goose Down
DELETE FROM identity WHERE state = 'returned';
ALTER TABLE identity DROP COLUMN lease;
