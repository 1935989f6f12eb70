-- Identities for many stations: pools whose rows are numbered, and ranges of numbers that
-- are given to stations (docs/decisions/0027-leased-identities.md).
--
-- Who may what. A supervisor imports and burns. A station leases, gives the end of a range
-- back and binds what it was leased; it reads the rows of its own leases and no others, all
-- by functions that take its name from its login. Secrets are here sealed only.

-- +goose Up
CREATE TABLE zarya.pool (
  id   integer GENERATED ALWAYS AS IDENTITY UNIQUE CHECK (id < 4000000),
  name text    PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
  last bigint  NOT NULL DEFAULT 0, -- its numbers are 1 to last
  next bigint  NOT NULL DEFAULT 1, -- none from here on was ever leased
  -- Nothing is leased if a station has said since then that this database was restored.
  settled_at timestamptz NOT NULL DEFAULT now(),
  CHECK (next BETWEEN 1 AND last + 1 AND last < 1::bigint << 40)
) WITH (fillfactor = 50);

-- The columns that some pool has declared a key: unique over all pools that have them.
CREATE TABLE zarya.key_column (
  name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,31}$'),
  pool text NOT NULL UNIQUE REFERENCES zarya.pool -- that declared it; a pool has one
);

-- Each import has an age key of its own, for which the secrets of its rows are sealed. The
-- key itself is here sealed for supervisors and for stations, never open.
CREATE TABLE zarya.import (
  id      uuid        PRIMARY KEY,
  pool    text        NOT NULL REFERENCES zarya.pool,
  first   bigint      NOT NULL,
  last    bigint      NOT NULL,
  secret  boolean     NOT NULL,                                    -- rows of it have secrets
  escrow  text        NOT NULL CHECK (length(escrow) <= 16000),    -- the key, sealed for supervisors
  made    timestamptz NOT NULL DEFAULT now(),
  made_by text        NOT NULL DEFAULT session_user
);
CREATE TABLE zarya.import_key (
  import  uuid NOT NULL REFERENCES zarya.import,
  station text NOT NULL REFERENCES zarya.station,
  sealed  text NOT NULL CHECK (length(sealed) <= 4000),
  PRIMARY KEY (import, station)
);

CREATE TABLE zarya.identity (
  pool    text   NOT NULL REFERENCES zarya.pool,
  number  bigint NOT NULL CHECK (number > 0),
  columns text   NOT NULL, -- canonical JSON
  sealed  text   NOT NULL, -- the secret columns, for the import's key; '' is none
  digest  bytea  NOT NULL, -- of columns: an import can be repeated
  import  uuid   NOT NULL REFERENCES zarya.import,
  PRIMARY KEY (pool, number),
  UNIQUE (pool, digest)
);
CREATE TABLE zarya.identity_key (
  key    text   NOT NULL REFERENCES zarya.key_column,
  value  text   NOT NULL,
  pool   text   NOT NULL,
  number bigint NOT NULL,
  PRIMARY KEY (key, value),
  FOREIGN KEY (pool, number) REFERENCES zarya.identity
);

-- A range that a station has, first to last; of one that was given back whole, last is
-- first - 1. No number is in two.
CREATE TABLE zarya.lease (
  pool      text        NOT NULL REFERENCES zarya.pool,
  pool_id   integer     NOT NULL,
  first     bigint      NOT NULL CHECK (first > 0),
  last      bigint      NOT NULL CHECK (last >= first - 1),
  station   text        NOT NULL REFERENCES zarya.station,
  request   uuid        NOT NULL,
  made      timestamptz NOT NULL DEFAULT now(),
  burned_at timestamptz,
  burned_by text,
  span      int8range   GENERATED ALWAYS AS (int8range((pool_id::bigint << 40) + first, (pool_id::bigint << 40) + last + 1)) STORED,
  PRIMARY KEY (station, request),
  CONSTRAINT no_number_twice EXCLUDE USING gist (span WITH &&)
);
CREATE INDEX ON zarya.lease (pool, first);

-- What was given back and waits for another station.
CREATE TABLE zarya.returned (
  pool  text   NOT NULL REFERENCES zarya.pool,
  first bigint NOT NULL,
  last  bigint NOT NULL CHECK (last >= first),
  PRIMARY KEY (pool, first)
);

-- What is not leased any more, because nobody knows whether it was.
CREATE TABLE zarya.abandoned (
  pool  text        NOT NULL REFERENCES zarya.pool,
  first bigint      NOT NULL,
  last  bigint      NOT NULL CHECK (last >= first),
  at    timestamptz NOT NULL DEFAULT now(),
  by    text        NOT NULL DEFAULT session_user,
  PRIMARY KEY (pool, first)
);

ALTER TABLE zarya.pool ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.key_column ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.import ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.import_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.identity ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.identity_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.lease ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.returned ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.abandoned ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON zarya.pool, zarya.key_column, zarya.lease, zarya.returned, zarya.abandoned TO zarya_supervisor, zarya_reader;
GRANT SELECT ON zarya.import, zarya.import_key TO zarya_supervisor;
GRANT SELECT (pool, number, columns, import) ON zarya.identity TO zarya_supervisor;
GRANT SELECT ON zarya.pool, zarya.lease TO zarya_station;
CREATE POLICY everything ON zarya.pool FOR SELECT TO zarya_station, zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.key_column FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.import FOR SELECT TO zarya_supervisor USING (true);
CREATE POLICY everything ON zarya.import_key FOR SELECT TO zarya_supervisor USING (true);
CREATE POLICY everything ON zarya.identity FOR SELECT TO zarya_supervisor USING (true);
CREATE POLICY everything ON zarya.lease FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.returned FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.abandoned FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY own ON zarya.lease FOR SELECT TO zarya_station USING (station = (SELECT zarya.current_station()));

-- Begins an import: the pool is made if it is not there, locked until the transaction ends,
-- and declares its key.
-- +goose StatementBegin
CREATE FUNCTION zarya.begin_import(into_pool text, import_id uuid, key text, has_secrets boolean, sealed_key text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE was text; p zarya.pool;
BEGIN
  -- Keys are unique over all pools, so imports take turns.
  PERFORM pg_advisory_xact_lock(hashtext('zarya.import'));
  INSERT INTO zarya.pool (name) VALUES (into_pool) ON CONFLICT DO NOTHING;
  SELECT * INTO STRICT p FROM zarya.pool WHERE name = into_pool FOR UPDATE;
  INSERT INTO zarya.import (id, pool, first, last, secret, escrow)
  VALUES (import_id, into_pool, p.last + 1, p.last, has_secrets, sealed_key);
  IF key = '' THEN RETURN; END IF;
  SELECT k.name INTO was FROM zarya.key_column k WHERE k.pool = into_pool;
  IF was <> key THEN
    RAISE EXCEPTION 'the key of the pool % is its column %', into_pool, was USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO zarya.key_column (name, pool) VALUES (key, into_pool) ON CONFLICT (name) DO NOTHING;
  IF FOUND THEN -- what is here already must keep to it
    PERFORM zarya.refuse_twins(key);
    INSERT INTO zarya.identity_key (key, value, pool, number)
    SELECT key, i.columns::jsonb ->> key, i.pool, i.number FROM zarya.identity i WHERE coalesce(i.columns::jsonb ->> key, '') <> '';
  END IF;
END $$;
-- +goose StatementEnd

-- Refuse two identities with one key, and say which: the detail is JSON.
-- +goose StatementBegin
CREATE FUNCTION zarya.refuse_twins(of_key text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE t record;
BEGIN
  SELECT * INTO t FROM (
    SELECT i.pool, i.number, i.columns::jsonb ->> of_key AS value,
      lag(i.pool) OVER w AS other_pool, lag(i.number) OVER w AS other
    FROM zarya.identity i WHERE coalesce(i.columns::jsonb ->> of_key, '') <> ''
    WINDOW w AS (PARTITION BY i.columns::jsonb ->> of_key ORDER BY i.pool, i.number)) x WHERE x.other IS NOT NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'number % of % and number % of % have the same %', t.other, t.other_pool, t.number, t.pool, of_key
      USING ERRCODE = '23505', CONSTRAINT = 'identity_key_pkey',
      DETAIL = jsonb_build_object('key', of_key, 'value', t.value, 'pool', t.other_pool, 'number', t.other,
        'too_pool', t.pool, 'too', t.number);
  END IF;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION zarya.refuse_taken(into_pool text, after_number bigint, plain text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE t record;
BEGIN
  SELECT h.key, h.value, h.pool, h.number, i.columns INTO t
  FROM zarya.identity i CROSS JOIN zarya.key_column k
  JOIN zarya.identity_key h ON h.key = k.name AND h.value = i.columns::jsonb ->> k.name
  WHERE i.pool = into_pool AND i.number > after_number ORDER BY i.number LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% is number % of %', t.key, t.number, t.pool USING ERRCODE = '23505', CONSTRAINT = 'identity_key_pkey',
      DETAIL = jsonb_build_object('key', t.key, 'value', t.value, 'pool', t.pool, 'number', t.number,
        'row', array_position(plain, t.columns));
  END IF;
END $$;
-- +goose StatementEnd

-- Adds rows to an import that this transaction began; those that the pool has are left as
-- they are. Returns how many are new.
-- +goose StatementBegin
CREATE FUNCTION zarya.import_rows(import_id uuid, plain text[], secrets text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE m zarya.import; p zarya.pool; added bigint;
BEGIN
  SELECT * INTO STRICT m FROM zarya.import i WHERE i.id = import_id;
  IF m.made <> now() THEN -- of this transaction
    RAISE EXCEPTION 'this import has ended' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  SELECT * INTO STRICT p FROM zarya.pool WHERE name = m.pool FOR UPDATE;
  INSERT INTO zarya.identity (pool, number, columns, sealed, digest, import)
  SELECT m.pool, p.last + row_number() OVER (ORDER BY r.line), r.columns, r.sealed, sha256(convert_to(r.columns, 'UTF8')), import_id
  FROM (SELECT u.*, row_number() OVER (PARTITION BY u.columns ORDER BY u.line) AS again
        FROM unnest(plain, secrets) WITH ORDINALITY AS u (columns, sealed, line)) r
  WHERE r.again = 1
    AND NOT EXISTS (SELECT FROM zarya.identity i WHERE i.pool = m.pool AND i.digest = sha256(convert_to(r.columns, 'UTF8')));
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM zarya.refuse_taken(m.pool, p.last, plain);
  INSERT INTO zarya.identity_key (key, value, pool, number)
  SELECT k.name, i.columns::jsonb ->> k.name, i.pool, i.number
  FROM zarya.identity i CROSS JOIN zarya.key_column k
  WHERE i.pool = m.pool AND i.number > p.last AND coalesce(i.columns::jsonb ->> k.name, '') <> '';
  UPDATE zarya.pool SET last = last + added WHERE name = m.pool;
  UPDATE zarya.import i SET last = i.last + added WHERE i.id = import_id;
  RETURN added;
END $$;
-- +goose StatementEnd

-- Lets a station open the secrets of an import.
-- +goose StatementBegin
CREATE FUNCTION zarya.grant_import(import_id uuid, who text, sealed_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO zarya.import_key (import, station, sealed) VALUES (import_id, who, sealed_key)
  ON CONFLICT (import, station) DO UPDATE SET sealed = excluded.sealed
$$;
-- +goose StatementEnd

-- Whether the calling station's chain is the one that is known here: ends is its last entry,
-- digest the hash of its entry shown, which must be the last that is here. verdict is known,
-- show (ask again with the entry head), fault, set-back or fork. The head is locked until the
-- transaction ends.
-- +goose StatementBegin
CREATE FUNCTION zarya.check_chain(ends bigint, shown bigint, digest bytea, run text, OUT verdict text, OUT head bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE me text := zarya.current_station(); a record;
BEGIN
  -- Nothing is appended: it finds another machine of this name, and locks the head.
  SELECT * INTO a FROM zarya.append('{}', '{}', '{}', '{}', '{}', '{}', ends, run);
  head := a.head_seq;
  verdict := 'known';
  IF zarya.current_station() IS NULL THEN -- it was burned while this waited for the lock
    RAISE EXCEPTION 'station % was revoked', me USING ERRCODE = 'insufficient_privilege';
  ELSIF a.fault <> '' THEN
    verdict := 'fault';
  ELSIF shown IS DISTINCT FROM head THEN
    verdict := 'show';
  ELSIF ends < head THEN -- it looked for the head, so it is not that the head has just moved on
    verdict := 'set-back';
    PERFORM zarya.report_fault('set-back', ends + 1, 'it asked for identities with a ledger that ends before what it sent');
  ELSIF digest IS DISTINCT FROM a.head_hash THEN
    verdict := 'fork';
    PERFORM zarya.report_fault('fork', head, 'it asked for identities with another entry in its ledger');
  END IF;
END $$;
-- +goose StatementEnd

-- Leases up to so many numbers of a pool to the calling station, whose chain is checked first.
-- verdict is leased, or what zarya.check_chain says, or burned, no-pool, empty, no-key, or
-- restored: this database was restored from a backup, and nobody has settled since what it may
-- have leased.
-- +goose StatementBegin
CREATE FUNCTION zarya.lease(of_pool text, req uuid, want bigint, ends bigint, shown bigint, digest bytea, run text,
  OUT verdict text, OUT head bigint, OUT first bigint, OUT last bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me text := zarya.current_station();
  l zarya.lease; p zarya.pool; r zarya.returned;
BEGIN
  IF me IS NULL THEN
    RAISE EXCEPTION 'this login is no station of the fleet' USING ERRCODE = 'insufficient_privilege';
  ELSIF want NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'from 1 to 10000 identities at once' USING ERRCODE = 'program_limit_exceeded';
  END IF;
  SELECT c.verdict, c.head INTO verdict, head FROM zarya.check_chain(ends, shown, digest, run) c;
  IF verdict <> 'known' THEN RETURN; END IF;
  SELECT * INTO l FROM zarya.lease x WHERE x.station = me AND x.request = req;
  IF FOUND THEN -- the answer was lost
    IF l.pool <> of_pool THEN
      RAISE EXCEPTION 'this request was for the pool %', l.pool USING ERRCODE = 'invalid_parameter_value';
    END IF;
    first := l.first; last := l.last;
    verdict := CASE WHEN l.burned_at IS NULL THEN 'leased' ELSE 'burned' END;
    RETURN;
  END IF;
  SELECT * INTO p FROM zarya.pool x WHERE x.name = of_pool FOR UPDATE;
  IF NOT FOUND THEN verdict := 'no-pool'; RETURN; END IF;
  IF EXISTS (SELECT FROM zarya.head h WHERE h.rewound_at > p.settled_at) THEN verdict := 'restored'; RETURN; END IF;
  SELECT * INTO r FROM zarya.returned x WHERE x.pool = of_pool ORDER BY x.first LIMIT 1;
  IF FOUND THEN
    first := r.first; last := least(r.last, r.first + want - 1);
  ELSE
    first := p.next; last := least(p.last, p.next + want - 1);
    IF last < first THEN verdict := 'empty'; first := NULL; last := NULL; RETURN; END IF;
  END IF;
  IF EXISTS (SELECT FROM zarya.import m WHERE m.pool = of_pool AND m.secret AND m.first <= lease.last AND m.last >= lease.first
      AND NOT EXISTS (SELECT FROM zarya.import_key k WHERE k.import = m.id AND k.station = me)) THEN
    verdict := 'no-key'; first := NULL; last := NULL; RETURN;
  END IF;
  IF r.first IS NULL THEN
    UPDATE zarya.pool x SET next = lease.last + 1 WHERE x.name = of_pool;
  ELSIF last = r.last THEN
    DELETE FROM zarya.returned x WHERE x.pool = of_pool AND x.first = r.first;
  ELSE
    UPDATE zarya.returned x SET first = lease.last + 1 WHERE x.pool = of_pool AND x.first = r.first;
  END IF;
  INSERT INTO zarya.lease (pool, pool_id, first, last, station, request) VALUES (of_pool, p.id, first, last, me, req);
  verdict := 'leased';
END $$;
-- +goose StatementEnd

-- The rows of a lease of the calling station.
-- +goose StatementBegin
CREATE FUNCTION zarya.leased_rows(req uuid) RETURNS TABLE (number bigint, columns text, sealed text, import uuid, import_key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT i.number, i.columns, i.sealed, i.import, coalesce(k.sealed, '')
  FROM zarya.lease l JOIN zarya.identity i ON i.pool = l.pool AND i.number BETWEEN l.first AND l.last
  LEFT JOIN zarya.import_key k ON k.import = i.import AND k.station = l.station
  WHERE l.station = zarya.current_station() AND l.request = req AND l.burned_at IS NULL
  ORDER BY i.number
$$;
-- +goose StatementEnd

-- Takes the end of a station's range back, from a number on, and returns where the range ends
-- now. What was bound is not taken back, nor anything before it.
-- +goose StatementBegin
CREATE FUNCTION zarya.take_back(me text, req uuid, from_number bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE l zarya.lease; used bigint;
BEGIN
  SELECT * INTO l FROM zarya.lease x WHERE x.station = me AND x.request = req FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this station has no such lease' USING ERRCODE = 'insufficient_privilege';
  ELSIF l.burned_at IS NOT NULL THEN
    RAISE EXCEPTION 'the lease was burned' USING ERRCODE = 'object_not_in_prerequisite_state';
  ELSIF from_number > l.last THEN
    RETURN l.last; -- it was taken back already
  ELSIF from_number < l.first THEN
    RAISE EXCEPTION 'the lease begins with %', l.first USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT max(b.number) INTO used FROM zarya.binding b WHERE b.pool = l.pool AND b.number BETWEEN from_number AND l.last;
  IF used IS NOT NULL THEN
    RAISE EXCEPTION 'number % has a tablet', used USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'give back what comes after it';
  END IF;
  PERFORM FROM zarya.pool x WHERE x.name = l.pool FOR UPDATE;
  UPDATE zarya.lease x SET last = from_number - 1 WHERE x.station = me AND x.request = req;
  INSERT INTO zarya.returned (pool, first, last) VALUES (l.pool, from_number, l.last);
  RETURN from_number - 1;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION zarya.return_range(req uuid, from_number bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT zarya.take_back(zarya.current_station(), req, from_number)
$$;
-- +goose StatementEnd

-- Writes off what a station had: it is revoked, and no number of its leases is given again.
-- Returns how many of them no tablet is known to have.
-- +goose StatementBegin
CREATE FUNCTION zarya.burn_station(who text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE n bigint;
BEGIN
  PERFORM zarya.revoke(who);
  PERFORM FROM zarya.head h WHERE h.station = who FOR UPDATE; -- a lease that is under way ends first
  UPDATE zarya.lease l SET burned_at = now(), burned_by = session_user WHERE l.station = who AND l.burned_at IS NULL;
  SELECT coalesce(sum(l.last - l.first + 1), 0) - (SELECT count(*) FROM zarya.binding b JOIN zarya.lease x
      ON x.pool = b.pool AND b.number BETWEEN x.first AND x.last AND x.station = who)
    INTO n FROM zarya.lease l WHERE l.station = who;
  RETURN n;
END $$;
-- +goose StatementEnd

-- Takes what a pool has not leased out of use, and returns how much that was: for a database
-- that was restored from a backup, and has forgotten what it leased since.
-- +goose StatementBegin
CREATE FUNCTION zarya.abandon(of_pool text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE p zarya.pool; n bigint;
BEGIN
  SELECT * INTO p FROM zarya.pool x WHERE x.name = of_pool FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no pool %', of_pool USING ERRCODE = 'no_data_found';
  END IF;
  WITH gone AS (
    DELETE FROM zarya.returned x WHERE x.pool = of_pool RETURNING x.first, x.last
  ), kept AS (
    INSERT INTO zarya.abandoned (pool, first, last)
    SELECT of_pool, g.first, g.last FROM gone g UNION ALL SELECT of_pool, p.next, p.last WHERE p.next <= p.last
    RETURNING last - first + 1 AS size
  )
  SELECT coalesce(sum(size), 0) INTO n FROM kept;
  UPDATE zarya.pool x SET next = p.last + 1, settled_at = clock_timestamp() WHERE x.name = of_pool;
  RETURN n;
END $$;
-- +goose StatementEnd

-- Lets a pool be leased again after this database was restored: all stations have told since
-- what they had.
-- +goose StatementBegin
CREATE FUNCTION zarya.settle(of_pool text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE zarya.pool x SET settled_at = clock_timestamp() WHERE x.name = of_pool;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no pool %', of_pool USING ERRCODE = 'no_data_found';
  END IF;
END $$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION zarya.begin_import, zarya.import_rows, zarya.refuse_twins, zarya.refuse_taken, zarya.grant_import,
  zarya.check_chain, zarya.lease, zarya.leased_rows, zarya.take_back, zarya.return_range, zarya.burn_station, zarya.abandon,
  zarya.settle FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zarya.begin_import, zarya.import_rows, zarya.grant_import, zarya.burn_station, zarya.abandon,
  zarya.settle TO zarya_supervisor;
GRANT EXECUTE ON FUNCTION zarya.check_chain, zarya.lease, zarya.leased_rows, zarya.return_range TO zarya_station;

-- +goose Down
DROP FUNCTION zarya.settle, zarya.abandon, zarya.burn_station, zarya.return_range, zarya.take_back, zarya.leased_rows, zarya.lease,
  zarya.check_chain, zarya.grant_import, zarya.import_rows, zarya.refuse_taken, zarya.refuse_twins, zarya.begin_import;
DROP TABLE zarya.abandoned, zarya.returned, zarya.lease, zarya.identity_key, zarya.identity, zarya.import_key, zarya.import,
  zarya.key_column, zarya.pool;
