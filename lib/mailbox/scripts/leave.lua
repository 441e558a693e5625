#!lua flags=allow-oom
-- leave: a daemon's incarnation has no connections left here and goes.
--
-- KEYS[1]  wp:{p}:
-- ARGV     incarnation
-- Result   {"ok"} or {"busy"} when it still holds connections
--
-- Invariant: live is removed last, and only when nothing is left to reap.
local prefix, inc = KEYS[1], ARGV[1]
if redis.call('EXISTS', prefix .. 'at:' .. inc) == 1 then
  return {'busy'}
end
redis.call('DEL', prefix .. 'due:' .. inc)
redis.call('HDEL', prefix .. 'live', inc)
return {'ok'}
