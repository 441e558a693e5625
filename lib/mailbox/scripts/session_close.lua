#!lua flags=allow-oom
-- session_close: sessions of a user are about to end, and nobody knows yet
-- which there are (docs/architecture.md "Sessions").
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, max
-- Result   {session, …}: those that Redis knows, which may have ended; the
--          latest, at most max
--
-- Invariants
--   - Whoever ends all sessions of a user says so here before rows go from the
--     store. Rows may be gone already, deleted by somebody who was cut off, and
--     whose they were may be known to nobody; but who had found one of them
--     then has a claim of before, which is void from now on.
--   - What was settled before is in the list. So a session that has no row is
--     in it, or is never settled.
-- KEPT_S: longer than anybody looks for a row.
local prefix, urn = KEYS[1], ARGV[1]
local KEPT_S = 86400
local closing = redis.call('INCR', prefix .. 'closings')
redis.call('SET', prefix .. 'closed:' .. urn, string.format('%d', closing),
  'EX', KEPT_S)
return redis.call('ZREVRANGE', prefix .. 'sessions:' .. urn, 0, ARGV[2] - 1)
