-- What leads to a person: serials, IMEIs and what else was read from a tablet. Who only counts
-- does not see it, and it can be erased while the chains stay whole (docs/fleet.md).

-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'zarya_counter') THEN CREATE ROLE zarya_counter NOLOGIN; END IF;
END $$;
-- +goose StatementEnd
GRANT USAGE ON SCHEMA zarya TO zarya_counter;
GRANT SELECT ON zarya.schema_version, zarya.fleet TO zarya_counter;

-- With it serials become pseudonyms; nobody may read it.
CREATE TABLE zarya.pepper (
  secret text    NOT NULL DEFAULT gen_random_uuid()::text || gen_random_uuid()::text,
  one    boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO zarya.pepper DEFAULT VALUES;
ALTER TABLE zarya.pepper ENABLE ROW LEVEL SECURITY;

-- An entry's body without what leads to a person; the tablet has a pseudonym in it if pepper
-- is not NULL, and none if it is. Serials that many tablets have stay.
-- +goose StatementBegin
CREATE FUNCTION zarya.without_person(body text, pepper text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (b - ARRAY['facts', 'unique', 'other_serial', 'inventory', 'error', 'serial', 'note'] || CASE
      WHEN b ->> 'serial' IS NULL THEN '{}'
      WHEN b ->> 'serial' = '' OR b ->> 'serial' ~ '^0+$' OR lower(b ->> 'serial') = ANY (ARRAY['serialv1.0', '0123456789abcdef', '1234567890abcdef', 'unknown', 'undefine'])
        THEN jsonb_build_object('serial', b ->> 'serial')
      WHEN pepper IS NULL THEN '{}'
      ELSE jsonb_build_object('serial', 'p-' || left(encode(sha256(convert_to(pepper || (b ->> 'serial'), 'UTF8')), 'hex'), 20))
    END)::text
  FROM (SELECT body::jsonb AS b) x
$$;
-- +goose StatementEnd

-- The entries of jobs, for those who count. It reads as its owner does.
CREATE VIEW zarya.counted_entry WITH (security_barrier) AS
  SELECT e.station, e.seq, e.ts, e.kind, e.month, zarya.without_person(e.body, p.secret) AS body
  FROM zarya.entry e CROSS JOIN zarya.pepper p WHERE e.kind IN ('intent', 'step', 'result', 'interrupted');
CREATE VIEW zarya.counted_station WITH (security_barrier) AS SELECT s.name FROM zarya.station s;
GRANT SELECT ON zarya.counted_entry, zarya.counted_station TO zarya_counter;
REVOKE ALL ON FUNCTION zarya.without_person FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zarya.without_person TO zarya_counter; -- a view calls as who reads it

-- What was erased, by whom; of the tablet nothing.
CREATE TABLE zarya.erasure (
  id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  entries bigint      NOT NULL,
  why     text        NOT NULL CHECK (length(why) BETWEEN 1 AND 1000),
  by      text        NOT NULL DEFAULT session_user,
  at      timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE zarya.erasure ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON zarya.erasure TO zarya_supervisor, zarya_reader;
CREATE POLICY everything ON zarya.erasure FOR SELECT TO zarya_supervisor, zarya_reader USING (true);

-- Erases what leads to a person from all entries about a tablet, and returns how many those
-- were. Hashes stay: the chain goes on through them, and what a station sends again still fits.
-- An entry's body is no more what its hash says, and has "erased" in it. Which identity the
-- tablet has stays, so that nobody else gets it.
-- +goose StatementBegin
CREATE FUNCTION zarya.erase(tablet text, reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE n bigint;
BEGIN
  IF coalesce(tablet, '') = '' THEN RAISE EXCEPTION 'no tablet is named' USING ERRCODE = 'invalid_parameter_value'; END IF;
  UPDATE zarya.entry e SET body = (zarya.without_person(e.body, NULL)::jsonb || '{"erased": true}')::text
  WHERE strpos(e.body, to_json(tablet)::text) > 0
    AND tablet IN (e.body::jsonb ->> 'serial', e.body::jsonb ->> 'other_serial') AND e.kind NOT LIKE 'identity-%';
  GET DIAGNOSTICS n = ROW_COUNT;
  INSERT INTO zarya.erasure (entries, why) VALUES (n, reason);
  RETURN n;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION zarya.erase FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zarya.erase TO zarya_supervisor;

-- +goose Down
DROP FUNCTION zarya.erase;
DROP TABLE zarya.erasure;
DROP VIEW zarya.counted_station, zarya.counted_entry;
DROP FUNCTION zarya.without_person;
DROP TABLE zarya.pepper;
