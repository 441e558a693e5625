#!lua flags=allow-oom
-- hint_set: tell Redis again which users have cold rows (docs/architecture.md
-- "After Redis lost its memory").
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, token, urn, …
--          token: 16 hex digits, never used before
-- Result   {"lost"} or {"ok"}
--
-- Invariants
--   - Whatever token a user had is worth nothing any more.
--   - How long what is in cold will live is not known any more.
-- Bounds: the users that are named, one look each.
local prefix, owner, lease_ms = KEYS[1], ARGV[1], ARGV[2]
local cold = prefix .. 'cold'

-- include lease

-- include cold_record

-- include cold_hinted

for i = 4, #ARGV do
  redis.call('HSET', cold, ARGV[i],
    cold_hinted(redis.call('HGET', cold, ARGV[i]), ARGV[3], nil))
end
return {'ok'}
