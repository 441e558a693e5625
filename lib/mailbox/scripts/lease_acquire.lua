#!lua flags=allow-oom
-- lease_acquire: become the owner of a partition that has none (4.8).
--
-- KEYS[1]  wp:{p}: (or wp:{inbox}:)
-- ARGV     worker, lease_ms
-- Result   {"ok", value}: the owner value "<token>:<worker>" to show from now on
--          {"held", value}: who holds it
--
-- Invariant: tokens rise and are used once, so an owner value never comes back.
local owner = redis.call('GET', KEYS[1] .. 'owner')
if owner then
  return {'held', owner}
end
local value = redis.call('INCR', KEYS[1] .. 'fence') .. ':' .. ARGV[1]
redis.call('SET', KEYS[1] .. 'owner', value, 'PX', ARGV[2])
return {'ok', value}
