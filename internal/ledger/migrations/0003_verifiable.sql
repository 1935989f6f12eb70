-- Rows beside the chain name the entry that made them what they are, and can be proved to
-- be what that entry recorded. Rows from before have the number 0 and no proof.

-- +goose Up
ALTER TABLE identity ADD COLUMN station TEXT NOT NULL DEFAULT ''; -- of the entry that changed it last
ALTER TABLE identity ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE identity ADD COLUMN salt TEXT NOT NULL DEFAULT ''; -- random; the entry must not be a way to try values
ALTER TABLE identity ADD COLUMN proof TEXT NOT NULL DEFAULT ''; -- a digest of salt, pool, id, columns and sealed

ALTER TABLE tried ADD COLUMN station TEXT NOT NULL DEFAULT ''; -- of its entry
ALTER TABLE tried ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tried ADD COLUMN salt TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE tried DROP COLUMN salt;
ALTER TABLE tried DROP COLUMN seq;
ALTER TABLE tried DROP COLUMN station;
ALTER TABLE identity DROP COLUMN proof;
ALTER TABLE identity DROP COLUMN salt;
ALTER TABLE identity DROP COLUMN seq;
ALTER TABLE identity DROP COLUMN station;
