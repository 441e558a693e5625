#!lua flags=allow-oom
-- gate_open: the partition is reconciled for this life of Redis (ARCHITECTURE
-- 4.7): ingress is above every cold id, every user with cold rows has a hint.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, run_id
-- Result   {"lost"} or {"ok"}
if redis.call('GET', KEYS[1] .. 'owner') ~= ARGV[1] then
  return {'lost'}
end
redis.call('SET', KEYS[1] .. 'gate', ARGV[2])
return {'ok'}
