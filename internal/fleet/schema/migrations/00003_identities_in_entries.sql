-- Who has which identity. Stations tell it in their entries, and what does not go together is
-- found here (docs/decisions/0027-leased-identities.md).

-- +goose Up
-- Which tablet has which identity. An identity has one tablet for ever; a tablet holds one
-- identity of a pool.
CREATE TABLE zarya.binding (
  pool    text        NOT NULL,
  number  bigint      NOT NULL,
  serial  text        NOT NULL CHECK (length(serial) <= 256),
  -- '': it has none of its own, or it was burned before a tablet had it
  state   text        NOT NULL CHECK (state IN ('assigned', 'bound', 'burned')),
  station text        NOT NULL REFERENCES zarya.station, -- that had the tablet last
  ts      text        NOT NULL CHECK (length(ts) <= 40),  -- by the station's clock
  note    text        NOT NULL DEFAULT '',
  at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pool, number),
  FOREIGN KEY (pool, number) REFERENCES zarya.identity
);
CREATE UNIQUE INDEX one_identity_a_tablet ON zarya.binding (pool, serial) WHERE state <> 'burned' AND serial <> '';

-- Identities that a station was shown because their tablets came to it.
CREATE TABLE zarya.adoption (
  pool    text        NOT NULL,
  number  bigint      NOT NULL,
  station text        NOT NULL REFERENCES zarya.station,
  at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pool, number, station),
  FOREIGN KEY (pool, number) REFERENCES zarya.identity
);

-- What does not go together, for the station that has to do something, and for supervisors.
CREATE TABLE zarya.clash (
  id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  what    text        NOT NULL CHECK (what IN ('second', 'taken', 'foreign')),
  station text        NOT NULL REFERENCES zarya.station, -- that has the number
  pool    text        NOT NULL CHECK (length(pool) <= 100),
  number  bigint      NOT NULL,
  serial  text        NOT NULL CHECK (length(serial) <= 256),
  other   bigint,               -- the number that the tablet keeps; NULL: it keeps none
  record  text        NOT NULL, -- the entry that showed it
  note    text        NOT NULL CHECK (length(note) <= 1000),
  at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON zarya.clash (station, id);

ALTER TABLE zarya.binding ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.adoption ENABLE ROW LEVEL SECURITY;
ALTER TABLE zarya.clash ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON zarya.binding, zarya.adoption, zarya.clash TO zarya_supervisor, zarya_reader;
GRANT SELECT ON zarya.binding, zarya.clash TO zarya_station;
CREATE POLICY everything ON zarya.binding FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.adoption FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY everything ON zarya.clash FOR SELECT TO zarya_supervisor, zarya_reader USING (true);
CREATE POLICY own ON zarya.binding FOR SELECT TO zarya_station USING (station = (SELECT zarya.current_station()));
CREATE POLICY own ON zarya.clash FOR SELECT TO zarya_station USING (station = (SELECT zarya.current_station()));

-- Records what does not go together.
-- +goose StatementBegin
CREATE FUNCTION zarya.clash_of(kind text, who text, seen text, of_pool text, what bigint, tablet text, keeps bigint, why text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO zarya.clash (what, station, pool, number, serial, other, record, note)
  VALUES (kind, who, left(coalesce(of_pool, ''), 100), coalesce(what, 0), left(coalesce(tablet, ''), 256), keeps, seen, left(why, 1000))
$$;
-- +goose StatementEnd

-- Records that a tablet has an identity that the calling station has. A tablet that has
-- another one of the pool keeps one of them: that which was read back from it (bound), else
-- the later one by the stations' clocks, else that which is here. The other is burned.
-- seen is the entry that says it.
-- verdict is held or burned, of this number; other is the number that is burned or held.
-- +goose StatementBegin
CREATE FUNCTION zarya.bind_as(me text, seen text, of_pool text, what bigint, tablet text, how text, stamp text,
  OUT verdict text, OUT other bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE mine zarya.binding; o zarya.binding;
BEGIN
  IF how NOT IN ('assigned', 'bound') THEN
    RAISE EXCEPTION 'an identity is assigned or bound' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- FOR SHARE: nobody takes the range back meanwhile.
  PERFORM FROM zarya.lease l
  WHERE l.station = me AND l.pool = of_pool AND what BETWEEN l.first AND l.last AND l.burned_at IS NULL FOR SHARE;
  IF NOT FOUND AND NOT EXISTS (SELECT FROM zarya.adoption d WHERE d.pool = of_pool AND d.number = what AND d.station = me) THEN
    RAISE EXCEPTION 'number % of % is not this station''s', what, of_pool USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(of_pool || ' ' || tablet, 17));
  SELECT * INTO mine FROM zarya.binding b WHERE b.pool = of_pool AND b.number = what FOR UPDATE;
  IF mine.serial <> tablet THEN
    RAISE EXCEPTION 'number % of % has another tablet', what, of_pool USING ERRCODE = 'unique_violation';
  ELSIF mine.state = 'burned' THEN
    verdict := 'burned'; RETURN;
  END IF;
  SELECT * INTO o FROM zarya.binding b WHERE b.pool = of_pool AND b.serial = tablet AND b.serial <> '' AND b.state <> 'burned'
    AND b.number <> what FOR UPDATE;
  other := o.number;
  verdict := CASE WHEN o.number IS NULL THEN 'held'
    WHEN how <> o.state THEN CASE how WHEN 'bound' THEN 'held' ELSE 'burned' END
    WHEN stamp COLLATE "C" > o.ts COLLATE "C" THEN 'held' ELSE 'burned' END;
  IF verdict = 'held' AND o.number IS NOT NULL THEN
    UPDATE zarya.binding b SET state = 'burned', note = 'the tablet has number ' || what WHERE b.pool = of_pool AND b.number = o.number;
    PERFORM zarya.clash_of('second', o.station, seen, of_pool, o.number, tablet, what, '');
  ELSIF verdict = 'burned' THEN
    PERFORM zarya.clash_of('second', me, seen, of_pool, what, tablet, o.number, '');
  END IF;
  INSERT INTO zarya.binding AS b (pool, number, serial, state, station, ts, note)
  VALUES (of_pool, what, tablet, CASE verdict WHEN 'held' THEN how ELSE 'burned' END, me, stamp,
    CASE verdict WHEN 'held' THEN '' ELSE 'the tablet has number ' || o.number END)
  ON CONFLICT (pool, number) DO UPDATE SET station = excluded.station, ts = excluded.ts, note = excluded.note,
    state = CASE WHEN b.state = 'bound' AND excluded.state = 'assigned' THEN 'bound' ELSE excluded.state END;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION zarya.bind(of_pool text, what bigint, tablet text, how text, stamp text,
  OUT verdict text, OUT other bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT b.verdict, b.other FROM zarya.bind_as(zarya.current_station(), '', of_pool, what, tablet, how, stamp) b
$$;
-- +goose StatementEnd

-- Records that a station took a number out of use.
-- +goose StatementBegin
CREATE FUNCTION zarya.burn_as(me text, seen text, of_pool text, what bigint, tablet text, stamp text, why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE was zarya.binding;
BEGIN
  IF NOT EXISTS (SELECT FROM zarya.lease l WHERE l.station = me AND l.pool = of_pool AND what BETWEEN l.first AND l.last)
      AND NOT EXISTS (SELECT FROM zarya.adoption d WHERE d.pool = of_pool AND d.number = what AND d.station = me) THEN
    RAISE EXCEPTION 'number % of % is not this station''s', what, of_pool USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO was FROM zarya.binding b WHERE b.pool = of_pool AND b.number = what FOR UPDATE;
  IF was.state = 'burned' THEN RETURN; END IF;
  IF was.station <> me THEN -- that station gives it to the tablet no more
    PERFORM zarya.clash_of('second', was.station, seen, of_pool, what, was.serial, NULL, 'it was burned at station ' || me);
  END IF;
  INSERT INTO zarya.binding AS b (pool, number, serial, state, station, ts, note)
  VALUES (of_pool, what, tablet, 'burned', me, stamp, left(why, 1000))
  ON CONFLICT (pool, number) DO UPDATE SET state = 'burned', ts = excluded.ts, note = excluded.note;
END $$;
-- +goose StatementEnd

-- The identity that a tablet has, for a station that the tablet came to. That it was asked
-- stays.
-- +goose StatementBegin
CREATE FUNCTION zarya.adopt(of_pool text, tablet text)
RETURNS TABLE (number bigint, columns text, sealed text, import uuid, import_key text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE me text := zarya.current_station(); found_number bigint;
BEGIN
  IF me IS NULL OR (SELECT s.fault <> '' FROM zarya.station s WHERE s.name = me) THEN
    RAISE EXCEPTION 'this login is no station of the fleet, or its chain has a fault' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT b.number INTO found_number FROM zarya.binding b WHERE b.pool = of_pool AND b.serial = tablet AND b.state <> 'burned';
  IF found_number IS NULL THEN RETURN; END IF;
  INSERT INTO zarya.adoption (pool, number, station) VALUES (of_pool, found_number, me) ON CONFLICT DO NOTHING;
  RETURN QUERY SELECT i.number, i.columns, i.sealed, i.import, coalesce(k.sealed, '') FROM zarya.identity i
    LEFT JOIN zarya.import_key k ON k.import = i.import AND k.station = me WHERE i.pool = of_pool AND i.number = found_number;
END $$;
-- +goose StatementEnd

-- Makes a lease again that this database forgot when it was restored from a backup: the
-- station's entry says that it had it.
-- +goose StatementBegin
CREATE FUNCTION zarya.lease_again(me text, at bigint, of_pool text, req uuid, from_number bigint, to_number bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE p zarya.pool; r zarya.returned;
BEGIN
  IF EXISTS (SELECT FROM zarya.lease l WHERE l.station = me AND l.request = req) THEN RETURN; END IF;
  SELECT * INTO p FROM zarya.pool x WHERE x.name = of_pool FOR UPDATE;
  IF NOT EXISTS (SELECT FROM zarya.head h WHERE h.station = me AND h.rewound >= at) OR p.name IS NULL
      OR from_number < 1 OR to_number > p.last THEN
    RAISE EXCEPTION 'it was never leased' USING ERRCODE = 'insufficient_privilege';
  END IF;
  FOR r IN DELETE FROM zarya.returned x WHERE x.pool = of_pool AND x.first <= to_number AND x.last >= from_number RETURNING * LOOP
    INSERT INTO zarya.returned (pool, first, last)
    SELECT of_pool, s.first, s.last FROM (VALUES (r.first, from_number - 1), (to_number + 1, r.last)) s (first, last)
    WHERE s.first <= s.last;
  END LOOP;
  INSERT INTO zarya.lease (pool, pool_id, first, last, station, request) VALUES (of_pool, p.id, from_number, to_number, me, req);
  IF to_number >= p.next THEN -- what is between nobody has, or somebody who has not told yet
    INSERT INTO zarya.abandoned (pool, first, last, by) SELECT of_pool, p.next, from_number - 1, 'restored' WHERE p.next < from_number;
    UPDATE zarya.pool x SET next = to_number + 1 WHERE x.name = of_pool;
  END IF;
END $$;
-- +goose StatementEnd

-- Does what a station's entry says of an identity that it has from here. An entry that does
-- not go with what is here stands all the same, and is a clash.
-- +goose StatementBegin
CREATE FUNCTION zarya.note_identity() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE b jsonb; of_pool text; what bigint; tablet text; seen text := NEW.station || '-' || NEW.seq;
BEGIN
  b := NEW.body::jsonb;
  IF coalesce(b ->> 'lease', '') = '' THEN RETURN NULL; END IF; -- of a pool of the station's own
  of_pool := b ->> 'pool';
  tablet := left(coalesce(b ->> 'serial', ''), 256);
  what := coalesce(b ->> 'id', b ->> 'first')::bigint;
  CASE NEW.kind
  WHEN 'identity-assign' THEN
    PERFORM zarya.bind_as(NEW.station, seen, of_pool, what, tablet, 'assigned', NEW.ts);
  WHEN 'identity-bind' THEN
    PERFORM zarya.bind_as(NEW.station, seen, of_pool, what, tablet, 'bound', NEW.ts);
  WHEN 'identity-burn' THEN
    PERFORM zarya.burn_as(NEW.station, seen, of_pool, what, tablet, NEW.ts, coalesce(b ->> 'note', ''));
  WHEN 'identity-give-back' THEN
    PERFORM zarya.take_back(NEW.station, (b ->> 'lease')::uuid, what);
  WHEN 'identity-lease' THEN
    PERFORM zarya.lease_again(NEW.station, NEW.seq, of_pool, (b ->> 'lease')::uuid, what, what + (b ->> 'count')::bigint - 1);
  WHEN 'identity-adopt' THEN -- known already, unless this database was restored
    INSERT INTO zarya.adoption (pool, number, station)
    SELECT of_pool, what, NEW.station FROM zarya.head h WHERE h.station = NEW.station AND h.rewound >= NEW.seq ON CONFLICT DO NOTHING;
  ELSE NULL;
  END CASE;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  IF SQLSTATE = '55P03' OR left(SQLSTATE, 2) IN ('40', '53', '57', '58', 'XX') THEN RAISE; END IF; -- another time it may go
  PERFORM zarya.clash_of(CASE SQLSTATE WHEN '23505' THEN 'taken' ELSE 'foreign' END, NEW.station, seen, of_pool, what, tablet,
    NULL, SQLERRM);
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER note_identity AFTER INSERT ON zarya.entry FOR EACH ROW WHEN (NEW.kind LIKE 'identity-%')
  EXECUTE FUNCTION zarya.note_identity();

-- How many seconds a station's run is still young, if it is not the first that was here: the
-- machine whose disk it may be a copy of has spoken by then.
-- +goose StatementBegin
CREATE FUNCTION zarya.young_for(run text, seconds double precision) RETURNS double precision
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(greatest(0, seconds - extract(epoch FROM clock_timestamp() - b.began))), 0)::double precision
  FROM zarya.boot b WHERE b.station = zarya.current_station() AND b.boot = run
    AND EXISTS (SELECT FROM zarya.boot o WHERE o.station = b.station AND o.boot <> run)
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION zarya.clash_of, zarya.bind_as, zarya.bind, zarya.burn_as, zarya.adopt, zarya.lease_again, zarya.note_identity,
  zarya.young_for FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zarya.bind, zarya.adopt, zarya.young_for TO zarya_station;

-- +goose Down
DROP TRIGGER note_identity ON zarya.entry;
DROP FUNCTION zarya.young_for, zarya.note_identity, zarya.lease_again, zarya.adopt, zarya.burn_as, zarya.bind,
  zarya.bind_as, zarya.clash_of;
DROP TABLE zarya.clash, zarya.adoption, zarya.binding;
