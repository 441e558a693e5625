#!lua flags=allow-oom
-- ingress_raise: make sure that new ids are above every id that the cold store
-- has seen, although Redis may have lost its memory (docs/architecture.md
-- "After Redis lost its memory").
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, ms, seq
-- Result   {"lost"} or {"ok", raised}
--
-- Invariants
--   - The last id only rises, and by one command, so that no placeholder entry
--     can be left behind.
--   - An unfinished send is forgotten before that: settled afterwards, it would
--     take the raised id for its own and answer for a message that is nowhere.
-- Bounds: a dozen words about a stream.
local prefix, owner, lease_ms = KEYS[1], ARGV[1], ARGV[2]
local ingress = prefix .. 'ingress'
local floor = ARGV[3] .. '-' .. ARGV[4]

-- include lease

-- include is_above

-- include last_id

if not is_above(floor, last_id(ingress)) then
  return {'ok', 0}
end
redis.call('DEL', prefix .. 'intent')
if redis.call('EXISTS', ingress) == 1 then
  redis.call('XSETID', ingress, floor)
else
  redis.call('XADD', ingress, 'MAXLEN', 0, floor, 'raise', '')
end
return {'ok', 1}
