#!lua flags=allow-oom
-- migrate_later: a user's turn was taken, or could not be: others come first.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, delay_ms, urn
-- Result   {"lost"} or {"ok"}
--
-- Invariant: a mark is moved, never made: without one nothing waits, or the user
-- is online.
local prefix = KEYS[1]
if redis.call('GET', prefix .. 'owner') ~= ARGV[1] then
  return {'lost'}
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', prefix .. 'migrate', 'XX',
  string.format('%d', now_ms + tonumber(ARGV[2])), ARGV[3])
return {'ok'}
