-- +goose Up
-- What only one tablet can have, from the results that passed.
CREATE TABLE claim (
  fact     TEXT    NOT NULL, -- usb-serial, machine-id, host-key, wifi-mac, imei …
  value    TEXT    NOT NULL,
  station  TEXT    NOT NULL, -- of the result
  seq      INTEGER NOT NULL,
  serial   TEXT    NOT NULL, -- of the same tablet; empty where it does not tell
  wifi_mac TEXT    NOT NULL,
  imei     TEXT    NOT NULL,
  PRIMARY KEY (fact, value, station, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE identity (
  pool    TEXT    NOT NULL,
  id      INTEGER NOT NULL CHECK (id > 0), -- in the order of the import
  columns TEXT    NOT NULL, -- JSON: the columns that are no secrets
  sealed  TEXT    NOT NULL, -- the others as JSON, encrypted with age; empty if there are none
  digest  TEXT    NOT NULL, -- of the row as it was imported: one row is imported once
  state   TEXT    NOT NULL CHECK (state IN ('free', 'assigned', 'bound', 'burned')),
  serial  TEXT    NOT NULL, -- of the tablet that has it
  job     TEXT    NOT NULL, -- that changed its state last
  ts      TEXT    NOT NULL,
  note    TEXT    NOT NULL,
  PRIMARY KEY (pool, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX identity_once ON identity (pool, digest);
CREATE UNIQUE INDEX identity_tablet ON identity (pool, serial) WHERE serial <> '' AND state IN ('assigned', 'bound');

-- Unlock codes that went to a tablet.
CREATE TABLE tried (
  serial TEXT NOT NULL,
  mark   TEXT NOT NULL, -- the first 32 bits of a digest of serial and code: enough to know it again
  ts     TEXT NOT NULL,
  PRIMARY KEY (serial, mark)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE tried;
DROP TABLE identity;
DROP TABLE claim;
