-- A database that was restored from a backup leases nothing before somebody has settled what
-- it may have forgotten. Stations that are ahead of it say so themselves; this is for the time
-- before the first of them speaks.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION zarya.restored() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE n bigint;
BEGIN
  -- zarya.lease compares this with when each pool was settled.
  UPDATE zarya.head SET rewound_at = clock_timestamp();
  SELECT count(*) INTO n FROM zarya.pool;
  RETURN n;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION zarya.restored FROM PUBLIC;
GRANT EXECUTE ON FUNCTION zarya.restored TO zarya_supervisor;

-- +goose Down
DROP FUNCTION zarya.restored;
