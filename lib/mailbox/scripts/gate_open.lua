#!lua flags=allow-oom
-- gate_open: the partition is reconciled for this life of Redis
-- (docs/architecture.md "After Redis lost its memory"): ingress is above every
-- cold id, every user with cold rows has a hint.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, run_id
-- Result   {"lost"} or {"ok"}
--
-- Invariant: unsized is there before the gate is open. It says that the quota
-- does not know yet what users have on disk; sized.lua takes it away.
local prefix, owner, run_id = KEYS[1], ARGV[1], ARGV[2]

-- include owner

redis.call('SET', prefix .. 'unsized', '1')
redis.call('SET', prefix .. 'gate', run_id)
return {'ok'}
