#!lua flags=allow-oom
-- lease_release: give a partition back, by compare and delete
-- (docs/architecture.md "Ownership").
--
-- KEYS[1]  wp:{p}: (or wp:{inbox}:)
-- ARGV     value
-- Result   1 when it was ours, else 0
if redis.call('GET', KEYS[1] .. 'owner') ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1] .. 'owner')
