#!lua flags=allow-oom
-- trim: step M4 of a migration (ARCHITECTURE 4.3): the ids are in the cold store,
-- or were acked meanwhile.
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, n, n ids of the standard band, ids of the high band
-- Result   {"empty"} the marks are gone; {"more"} the mark stays
--
-- Invariants: deletes exactly these ids, so what was routed after prepare stays
-- and keeps its mark. Never sets, clears or needs the hint. Needs no guard: the
-- ids are in cold or acked whoever owns the partition now.
local prefix, urn, n = KEYS[1], ARGV[1], tonumber(ARGV[2])
local high, standard = prefix .. 'hot!:' .. urn, prefix .. 'hot:' .. urn
local CHUNK = 500

local function delete(key, first, last)
  for i = first, last, CHUNK do
    redis.call('XDEL', key, unpack(ARGV, i, math.min(i + CHUNK - 1, last)))
  end
end
delete(standard, 3, 2 + n)
delete(high, 3 + n, #ARGV)

if redis.call('XLEN', high) + redis.call('XLEN', standard) > 0 then
  return {'more'}
end
redis.call('DEL', high, standard)
redis.call('ZREM', prefix .. 'migrate', urn)
redis.call('ZREM', prefix .. 'expiry', urn)
return {'empty'}
