#!lua flags=allow-oom
-- hint_set: tell Redis again which users have cold rows (docs/architecture.md
-- "After Redis lost its memory").
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, random, urn, …
-- Result   {"lost"} or {"ok"}
--
-- Invariants
--   - Every user gets a token never used before.
--   - How long what is in cold will live is not known any more (coldlast).
-- Bounds: the users that are named, one look each.
local prefix, owner, lease_ms = KEYS[1], ARGV[1], ARGV[2]

-- include lease

redis.call('HSETNX', prefix .. 'coldseq', 'random', ARGV[3])
local random = redis.call('HGET', prefix .. 'coldseq', 'random')
for i = 4, #ARGV do
  redis.call('HDEL', prefix .. 'coldlast', ARGV[i])
  local seq = redis.call('HINCRBY', prefix .. 'coldseq', 'n', 1)
  redis.call('HSET', prefix .. 'cold', ARGV[i], random .. ':' .. seq)
end
return {'ok'}
