-- A fleet's database and the logins that it begins with, for an empty server:
--   psql -v owner=PASSWORD -v pooler=PASSWORD -f database.sql
-- pgbouncer asks the server for the stations' passwords (their verifiers), so it may read them.
\set ON_ERROR_STOP on
CREATE ROLE "zarya-owner" LOGIN CREATEROLE PASSWORD :'owner';
CREATE ROLE pgbouncer LOGIN PASSWORD :'pooler';
CREATE DATABASE zarya OWNER "zarya-owner" ENCODING UTF8 TEMPLATE template0;
\connect zarya
GRANT SELECT ON pg_catalog.pg_shadow TO pgbouncer;
