#!lua flags=allow-oom
-- join: a daemon's incarnation starts to use this partition
-- (docs/architecture.md "Presence").
--
-- KEYS[1]  wp:{p}:
-- ARGV     incarnation
-- Result   {"ok"}
--
-- A daemon calls it once per incarnation and partition; an incarnation that was
-- reaped never joins again, it is replaced by a new one.
redis.call('HSETNX', KEYS[1] .. 'live', ARGV[1], 0)
return {'ok'}
