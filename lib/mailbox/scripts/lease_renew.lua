#!lua flags=allow-oom
-- lease_renew: stay the owner (docs/architecture.md "Ownership").
--
-- KEYS[1]  wp:{p}: (or wp:{inbox}:)
-- ARGV     value, lease_ms
-- Result   1 when the lease goes on, 0 when it belongs to nobody or another
if redis.call('GET', KEYS[1] .. 'owner') ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1] .. 'owner', ARGV[2])
