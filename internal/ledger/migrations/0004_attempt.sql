-- Which jobs a tablet had at each station, so that its attempts are counted and its last
-- failure is found without reading the chain.

-- +goose Up
CREATE TABLE attempt (
  serial  TEXT    NOT NULL,
  station TEXT    NOT NULL,
  n       INTEGER NOT NULL CHECK (n > 0), -- 1 is the tablet's first job at this station
  job     TEXT    NOT NULL,
  result  TEXT    NOT NULL, -- empty while it is open
  seq     INTEGER NOT NULL, -- of the entry that ended it; 0 while it is open
  PRIMARY KEY (serial, station, n)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX attempt_job ON attempt (station, job, serial);

INSERT INTO attempt (serial, station, n, job, result, seq)
WITH told AS (
  SELECT station, seq, kind, json_extract(body, '$.job') AS job, json_extract(body, '$.serial') AS serial,
    json_extract(body, '$.result') AS result
  FROM entry WHERE kind IN ('intent', 'result', 'interrupted')
), ended AS ( -- the last entry of each job counts
  SELECT station, job, result, MAX(seq) AS seq FROM told WHERE kind <> 'intent' GROUP BY station, job
), begun AS (
  SELECT station, job, serial, MIN(seq) AS seq FROM told
  WHERE kind <> 'interrupted' AND serial <> '' GROUP BY station, job, serial
)
SELECT begun.serial, begun.station, ROW_NUMBER() OVER (PARTITION BY begun.serial, begun.station ORDER BY begun.seq),
  begun.job, COALESCE(ended.result, ''), COALESCE(ended.seq, 0)
FROM begun LEFT JOIN ended ON ended.station = begun.station AND ended.job = begun.job;

-- +goose Down
DROP TABLE attempt;
