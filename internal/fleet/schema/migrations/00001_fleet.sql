-- The ground of a fleet: its stations, their entries, and where each chain ends.
--
-- Who may what. The owner migrates. A station (its own login, a member of zarya_station)
-- appends and reads under the one name that its login was enrolled for; it changes no table
-- itself, only the functions below do, which take the name from the login. A supervisor
-- enrols, revokes and reads. A reader reads.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE r text;
BEGIN
  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'the database has the encoding %; make it with UTF8', current_setting('server_encoding');
  END IF;
  FOREACH r IN ARRAY ARRAY['zarya_station', 'zarya_supervisor', 'zarya_reader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', r);
    END IF;
  END LOOP;
END $$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA zarya TO zarya_station, zarya_supervisor, zarya_reader;
GRANT SELECT ON zarya.schema_version TO zarya_station, zarya_supervisor, zarya_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA zarya REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Which database this is: a station that is turned to another one begins anew there.
CREATE TABLE zarya.fleet (
  id   uuid        NOT NULL DEFAULT gen_random_uuid(),
  made timestamptz NOT NULL DEFAULT now(),
  one  boolean     PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO zarya.fleet DEFAULT VALUES;
GRANT SELECT ON zarya.fleet TO zarya_station, zarya_supervisor, zarya_reader;

CREATE TABLE zarya.station (
  name        text        PRIMARY KEY CHECK (name ~ '^[!-.0-~]{1,50}$'),
  role        text        NOT NULL UNIQUE, -- its login
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  enrolled_by text        NOT NULL DEFAULT session_user,
  token_until timestamptz,                 -- NULL when the token was used
  joined_at   timestamptz,                 -- NULL until then
  public_key  text        NOT NULL DEFAULT '' CHECK (length(public_key) <= 1000), -- as in authorized_keys; it signs heads
  recipient   text        NOT NULL DEFAULT '' CHECK (length(recipient) <= 1000),  -- age: what is sealed for the station
  proof       text        NOT NULL DEFAULT '' CHECK (length(proof) <= 4000),      -- SSH signature: it has the key
  revoked_at  timestamptz,
  revoked_by  text,
  fault       text        NOT NULL DEFAULT '' CHECK (fault IN ('', 'gap', 'fork', 'changed', 'set-back')),
  fault_seq   bigint      NOT NULL DEFAULT 0, -- the first entry that it is about
  fault_note  text        NOT NULL DEFAULT '' CHECK (length(fault_note) <= 1000),
  fault_at    timestamptz
);

-- Partitioned by the month of receipt, by the database's clock: a station's may be wrong.
-- So the key has the month in it; that a number is there once, zarya.append sees to, which
-- only continues where the head is, under the head's lock.
CREATE TABLE zarya.entry (
  station  text        NOT NULL, -- of zarya.station: no foreign key, which would be asked for each row
  seq      bigint      NOT NULL CHECK (seq > 0),
  ts       text        NOT NULL, -- RFC 3339, UTC, microseconds: the station's clock
  kind     text        NOT NULL,
  body     text        NOT NULL, -- canonical JSON, as the hash has it
  prev     bytea       NOT NULL CHECK (octet_length(prev) = 32),
  hash     bytea       NOT NULL CHECK (octet_length(hash) = 32),
  received timestamptz NOT NULL DEFAULT now(),
  month    date        NOT NULL,
  PRIMARY KEY (station, seq, month)
) PARTITION BY LIST (month);

-- Where each chain ends here, and what the station said of its own end.
CREATE TABLE zarya.head (
  station  text        PRIMARY KEY REFERENCES zarya.station,
  seq      bigint      NOT NULL DEFAULT 0, -- 0: nothing yet
  hash     bytea       NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  ts       text        NOT NULL DEFAULT '', -- of that entry
  received timestamptz,                     -- when it came
  told     bigint      NOT NULL DEFAULT 0,  -- the station's last entry, as it told
  seen     timestamptz,                     -- when it told
  rewound  bigint      NOT NULL DEFAULT 0,  -- had entries up to this number once, says the station: a backup was restored here
  rewound_at timestamptz,
  boot     text        NOT NULL DEFAULT ''  -- of the machine, the last that spoke
) WITH (fillfactor = 50);                   -- changed with every batch

-- The runs of stations' machines. One that speaks after another has begun is a second
-- machine: a cloned disk.
CREATE TABLE zarya.boot (
  station text        NOT NULL REFERENCES zarya.station,
  boot    text        NOT NULL CHECK (length(boot) <= 64),
  began   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (station, boot)
);

-- Heads that stations signed: what they said of their chains, for those who do not trust
-- who can write here.
CREATE TABLE zarya.signed_head (
  station   text        NOT NULL REFERENCES zarya.station,
  seq       bigint      NOT NULL CHECK (seq > 0),
  hash      bytea       NOT NULL CHECK (octet_length(hash) = 32),
  time      text        NOT NULL CHECK (length(time) <= 40), -- by the station's clock
  signature text        NOT NULL CHECK (length(signature) <= 4000),
  kept      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (station, seq, hash)
);

ALTER TABLE zarya.signed_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.boot ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.station ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.head ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON zarya.station, zarya.entry, zarya.head, zarya.signed_head TO zarya_station, zarya_supervisor, zarya_reader;

-- The station that the login is; NULL for others, for one that has not joined yet and for
-- one that was revoked.
-- +goose StatementBegin
CREATE FUNCTION zarya.current_station() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.name FROM zarya.station s WHERE s.role = session_user AND s.joined_at IS NOT NULL AND s.revoked_at IS NULL
$$;
-- +goose StatementEnd

CREATE POLICY own ON zarya.station FOR SELECT TO zarya_station USING (name = (SELECT zarya.current_station()));
CREATE POLICY own ON zarya.entry FOR SELECT TO zarya_station USING (station = (SELECT zarya.current_station()));
CREATE POLICY own ON zarya.head FOR SELECT TO zarya_station USING (station = (SELECT zarya.current_station()));
CREATE POLICY own ON zarya.signed_head FOR SELECT TO zarya_station USING (station = (SELECT zarya.current_station()));
CREATE POLICY everything ON zarya.signed_head FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.station FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.entry FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.head FOR SELECT TO zarya_supervisor, zarya_reader USING (true);

-- Makes the partition of a month, if it is not there. It is attached, not made in its place:
-- readers and writers of other months are not waited for.
-- +goose StatementBegin
CREATE FUNCTION zarya.make_month(first date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE part text := 'entry_' || to_char(first, 'YYYY_MM');
BEGIN
  IF to_regclass('zarya.' || part) IS NOT NULL THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(hashtext('zarya.make_month'));
  -- Asked of the table: what to_regclass remembers may be older than the lock.
  IF EXISTS (SELECT FROM pg_class c WHERE c.relname = part AND c.relnamespace = 'zarya'::regnamespace) THEN RETURN; END IF;
  EXECUTE format('CREATE TABLE zarya.%I (LIKE zarya.entry INCLUDING ALL)', part);
  EXECUTE format('ALTER TABLE zarya.entry ATTACH PARTITION zarya.%I FOR VALUES IN (%L)', part, first);
END $$;
-- +goose StatementEnd

-- The hash of an entry: SHA-256 over its fields, each after its length (docs/ledger.md).
-- +goose StatementBegin
CREATE FUNCTION zarya.entry_hash(station text, seq bigint, ts text, kind text, body text, prev bytea) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(int8send(octet_length(station)) || convert_to(station, 'UTF8')
    || int8send(octet_length(seq::text)) || convert_to(seq::text, 'UTF8')
    || int8send(octet_length(ts)) || convert_to(ts, 'UTF8')
    || int8send(octet_length(kind)) || convert_to(kind, 'UTF8')
    || int8send(octet_length(body)) || convert_to(body, 'UTF8')
    || int8send(octet_length(prev)) || prev)
$$;
-- +goose StatementEnd

-- Records that the calling station's chain is not as it was. The first fault stands until
-- a supervisor takes it away (zarya.resume).
-- +goose StatementBegin
CREATE FUNCTION zarya.report_fault(what text, at bigint, note text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE me text := zarya.current_station();
BEGIN
  IF me IS NULL THEN
    RAISE EXCEPTION 'this login is no station of the fleet' USING ERRCODE = 'insufficient_privilege';
  END IF;
  UPDATE zarya.station s SET fault = what, fault_seq = at, fault_note = left(note, 1000), fault_at = now()
  WHERE s.name = me AND s.fault = '';
END $$;
-- +goose StatementEnd

-- Records that the calling station was told once that its entries up to at are here, which
-- they are not: this database was restored from a backup. The station sends them again.
-- +goose StatementBegin
CREATE FUNCTION zarya.report_rewind(at bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE zarya.head SET rewound = at, rewound_at = now() WHERE station = zarya.current_station() AND at > seq
$$;
-- +goose StatementEnd

-- Keeps a head that the calling station signed.
-- +goose StatementBegin
CREATE FUNCTION zarya.keep_head(at bigint, digest bytea, said text, signed text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE me text := zarya.current_station();
BEGIN
  IF me IS NULL THEN
    RAISE EXCEPTION 'this login is no station of the fleet' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO zarya.signed_head (station, seq, hash, time, signature) VALUES (me, at, digest, said, signed) ON CONFLICT DO NOTHING;
END $$;
-- +goose StatementEnd

-- Appends entries of the calling station, in the order of their numbers, and returns where
-- its chain ends here now. What is there already is compared. When something does not
-- fit, nothing is appended, the fault is recorded and returned.
-- +goose StatementBegin
CREATE FUNCTION zarya.append(seqs bigint[], stamps text[], kinds text[], bodies text[], prevs bytea[], hashes bytea[], last bigint,
  run text, OUT fault text, OUT fault_seq bigint, OUT fault_note text, OUT head_seq bigint, OUT head_hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me text := zarya.current_station();
  h  zarya.head;
  n  bigint := coalesce(cardinality(seqs), 0);
  bad bigint; why text; done bigint;
  this_month date := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
  IF me IS NULL THEN
    RAISE EXCEPTION 'this login is no station of the fleet' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF n > 1000 THEN RAISE EXCEPTION 'at most 1000 entries at once' USING ERRCODE = 'program_limit_exceeded'; END IF;
  IF n > 0 THEN PERFORM zarya.make_month(this_month); END IF;
  SELECT * INTO STRICT h FROM zarya.head WHERE head.station = me FOR UPDATE;
  SELECT s.fault, s.fault_seq, s.fault_note INTO fault, fault_seq, fault_note FROM zarya.station s WHERE s.name = me;
  IF fault = '' AND run <> h.boot AND run <> '' THEN
    INSERT INTO zarya.boot (station, boot) VALUES (me, run) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      h.boot := run;
    ELSE
      fault := 'fork'; fault_seq := h.seq + 1; fault_note := 'two machines speak as this station';
      PERFORM zarya.report_fault(fault, fault_seq, fault_note);
    END IF;
  END IF;
  IF fault = '' AND n > 0 THEN
    WITH sent AS (
      SELECT * FROM unnest(seqs, stamps, kinds, bodies, prevs, hashes) AS e (seq, ts, kind, body, prev, hash)
    ), beside AS (
      SELECT sent.*, lag(seq, 1, least(h.seq, seq - 1)) OVER (ORDER BY seq) AS before,
        lag(hash) OVER (ORDER BY seq) AS before_hash
      FROM sent
    )
    SELECT CASE WHEN b.seq > b.before + 1 THEN b.before + 1 ELSE b.seq END, CASE
        WHEN b.seq <> b.before + 1 THEN 'gap'
        WHEN b.hash IS DISTINCT FROM zarya.entry_hash(me, b.seq, b.ts, b.kind, b.body, b.prev)
          OR b.prev <> b.before_hash THEN 'changed'
        ELSE 'fork' END
      INTO bad, why
    FROM beside b LEFT JOIN zarya.entry stored ON stored.station = me AND stored.seq = b.seq AND b.seq <= h.seq
    WHERE b.seq IS NULL OR b.seq <> b.before + 1
      OR b.hash IS DISTINCT FROM zarya.entry_hash(me, b.seq, b.ts, b.kind, b.body, b.prev)
      OR b.prev <> b.before_hash
      OR (b.seq <= h.seq AND stored.hash <> b.hash)
      OR (b.seq = h.seq + 1 AND b.prev <> h.hash)
    ORDER BY b.seq LIMIT 1;
    IF FOUND THEN
      fault := why; fault_seq := bad;
      fault_note := CASE why
        WHEN 'gap' THEN 'it was not sent, and one after it was'
        WHEN 'changed' THEN 'it is not what its hash says'
        ELSE 'another entry is in its place, or before it' END;
      PERFORM zarya.report_fault(why, bad, fault_note);
    ELSE
      INSERT INTO zarya.entry (station, seq, ts, kind, body, prev, hash, month)
      SELECT me, e.seq, e.ts, e.kind, e.body, e.prev, e.hash, this_month
      FROM unnest(seqs, stamps, kinds, bodies, prevs, hashes) AS e (seq, ts, kind, body, prev, hash)
      WHERE e.seq > h.seq ORDER BY e.seq
      ON CONFLICT DO NOTHING;
      GET DIAGNOSTICS done = ROW_COUNT;
      IF done > 0 THEN
        h.seq := h.seq + done;
        h.hash := hashes[array_position(seqs, h.seq)];
        h.ts := stamps[array_position(seqs, h.seq)];
        h.received := now();
        IF h.hash IS NULL THEN RAISE EXCEPTION 'entries of % are beyond its head', me; END IF;
      END IF;
    END IF;
  END IF;
  UPDATE zarya.head SET seq = h.seq, hash = h.hash, ts = h.ts, received = h.received, told = greatest(told, last),
    seen = now(), boot = h.boot
  WHERE head.station = me;
  head_seq := h.seq; head_hash := h.hash;
END $$;
-- +goose StatementEnd

-- Makes a station's login, whose password is a token that is used once. verifier is the
-- token's SCRAM-SHA-256 verifier: the token itself is not told to the database. again gives
-- a station that has joined a new token; its chain goes on.
-- +goose StatementBegin
CREATE FUNCTION zarya.enrol(who text, verifier text, hours integer, again boolean, OUT login text, OUT until timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE s zarya.station;
BEGIN
  login := 'zarya-' || who;
  until := now() + make_interval(hours => hours);
  IF verifier !~ '^SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' THEN
    RAISE EXCEPTION 'the token has no SCRAM-SHA-256 verifier' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO s FROM zarya.station WHERE name = who FOR UPDATE;
  IF s.revoked_at IS NOT NULL THEN
    RAISE EXCEPTION 'station % was revoked', who USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'enrol it under a new name';
  ELSIF s.joined_at IS NOT NULL AND NOT again THEN
    RAISE EXCEPTION 'station % has joined', who USING ERRCODE = 'duplicate_object',
      HINT = 'enrol a new machine under a new name; if this one lost only its password, enrol it again with --again';
  ELSIF s.name IS NULL THEN
    INSERT INTO zarya.station (name, role, token_until) VALUES (who, login, until);
    INSERT INTO zarya.head (station) VALUES (who);
    EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT 20 IN ROLE zarya_station', login);
    EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', login, '30s');
    EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', login, '10s');
    EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', login, '30s');
  ELSE
    UPDATE zarya.station SET token_until = until WHERE name = who;
  END IF;
  EXECUTE format('ALTER ROLE %I PASSWORD %L VALID UNTIL %L', login, verifier, until);
END $$;
-- +goose StatementEnd

-- Uses the token up: the calling login gets its own password and is a station from now on.
-- +goose StatementBegin
CREATE FUNCTION zarya.join_fleet(key text, seal text, signed text, verifier text, OUT station text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE s zarya.station;
BEGIN
  SELECT * INTO s FROM zarya.station WHERE role = session_user FOR UPDATE;
  IF s.name IS NULL OR s.revoked_at IS NOT NULL THEN
    RAISE EXCEPTION 'this login was not enrolled' USING ERRCODE = 'insufficient_privilege';
  ELSIF s.token_until IS NULL OR s.token_until < now() THEN
    RAISE EXCEPTION 'the token of station % was used already or is too old', s.name USING ERRCODE = 'insufficient_privilege';
  ELSIF verifier !~ '^SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' THEN
    RAISE EXCEPTION 'the password has no SCRAM-SHA-256 verifier' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  UPDATE zarya.station SET public_key = key, recipient = seal, proof = signed, joined_at = now(), token_until = NULL WHERE name = s.name;
  EXECUTE format('ALTER ROLE %I PASSWORD %L VALID UNTIL %L', s.role, verifier, 'infinity');
  station := s.name;
END $$;
-- +goose StatementEnd

-- Takes a station out: it reads and appends nothing any more, at once. Its entries stay.
-- +goose StatementBegin
CREATE FUNCTION zarya.revoke(who text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE s zarya.station;
BEGIN
  SELECT * INTO s FROM zarya.station WHERE name = who FOR UPDATE;
  IF s.name IS NULL THEN
    RAISE EXCEPTION 'there is no station %', who USING ERRCODE = 'no_data_found', HINT = 'see zarya fleet status';
  END IF;
  UPDATE zarya.station SET revoked_at = coalesce(revoked_at, now()), revoked_by = coalesce(revoked_by, session_user), token_until = NULL
  WHERE name = who;
  EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', s.role);
END $$;
-- +goose StatementEnd

-- Takes a station's fault away, after somebody has looked: forwarding goes on, and finds
-- the fault again if it is still there.
-- +goose StatementBegin
CREATE FUNCTION zarya.resume(who text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE was text;
BEGIN
  SELECT s.fault INTO was FROM zarya.station s WHERE s.name = who FOR UPDATE;
  IF was IS NULL THEN
    RAISE EXCEPTION 'there is no station %', who USING ERRCODE = 'no_data_found', HINT = 'see zarya fleet status';
  END IF;
  UPDATE zarya.station s SET fault = '', fault_seq = 0, fault_note = '', fault_at = NULL WHERE s.name = who;
  -- Whichever machine speaks next is the one; the other is found out again.
  DELETE FROM zarya.boot b WHERE b.station = who;
  UPDATE zarya.head h SET boot = '' WHERE h.station = who;
  RETURN was;
END $$;
-- +goose StatementEnd

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA zarya FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zarya.current_station() TO zarya_station, zarya_supervisor, zarya_reader;
GRANT EXECUTE ON FUNCTION zarya.append(bigint[], text[], text[], text[], bytea[], bytea[], bigint, text) TO zarya_station;
GRANT EXECUTE ON FUNCTION zarya.report_fault(text, bigint, text), zarya.report_rewind(bigint),
  zarya.keep_head(bigint, bytea, text, text) TO zarya_station;
GRANT EXECUTE ON FUNCTION zarya.join_fleet(text, text, text, text) TO zarya_station;
GRANT EXECUTE ON FUNCTION zarya.enrol(text, text, integer, boolean), zarya.revoke(text), zarya.resume(text) TO zarya_supervisor;

-- +goose Down
DROP FUNCTION zarya.resume, zarya.revoke, zarya.join_fleet, zarya.enrol, zarya.append, zarya.keep_head,
  zarya.report_rewind, zarya.report_fault,
  zarya.entry_hash, zarya.make_month;
DROP TABLE zarya.signed_head, zarya.boot, zarya.head, zarya.entry, zarya.station, zarya.fleet;
DROP FUNCTION zarya.current_station;
