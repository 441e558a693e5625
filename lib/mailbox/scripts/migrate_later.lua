#!lua flags=allow-oom
-- migrate_later: a user's turn was taken, or could not be: others come first.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, delay_ms, urn
-- Result   {"lost"} or {"ok"}
--
-- Invariant: a mark is moved, never made: without one nothing waits, or the
-- user is online.
local prefix, owner = KEYS[1], ARGV[1]

-- include owner

-- include clock

redis.call('ZADD', prefix .. 'migrate', 'XX',
  string.format('%d', now_ms + tonumber(ARGV[2])), ARGV[3])
return {'ok'}
