-- +goose Up
CREATE TABLE entry (
  station TEXT    NOT NULL,
  seq     INTEGER NOT NULL CHECK (seq > 0),
  ts      TEXT    NOT NULL, -- RFC 3339, UTC, microseconds
  kind    TEXT    NOT NULL, -- intent, step, result, interrupted
  body    TEXT    NOT NULL, -- canonical JSON
  prev    BLOB    NOT NULL CHECK (length(prev) = 32),
  hash    BLOB    NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (station, seq)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER entry_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entry_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE entry;
