#!lua flags=allow-oom
-- lease_acquire: become the owner of a partition that has none
-- (docs/architecture.md "Ownership").
--
-- KEYS[1]  wp:{p}: (or wp:{inbox}:)
-- ARGV     worker, lease_ms
-- Result   {"ok", value}: the owner value "<token>:<worker>" to show from
--          now on
--          {"held", value}: who holds it
--
-- Invariants
--   - Tokens rise and are used once, so an owner value never comes back.
--   - No lease outlasts its holder by more than lease_ms: one that would,
--     because the clock went back, is cut to that.
local owner = redis.call('GET', KEYS[1] .. 'owner')
if owner then
  local left_ms = redis.call('PTTL', KEYS[1] .. 'owner')
  if left_ms < 0 or left_ms > tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1] .. 'owner', ARGV[2])
  end
  return {'held', owner}
end
local value = redis.call('INCR', KEYS[1] .. 'fence') .. ':' .. ARGV[1]
redis.call('SET', KEYS[1] .. 'owner', value, 'PX', ARGV[2])
return {'ok', value}
