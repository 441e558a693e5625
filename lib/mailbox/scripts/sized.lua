#!lua flags=allow-oom
-- sized: the quota knows again what all users of the partition have on disk
-- (docs/architecture.md "After Redis lost its memory").
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner
-- Result   {"lost"} or {"ok"}
local prefix, owner = KEYS[1], ARGV[1]

-- include owner

redis.call('DEL', prefix .. 'unsized')
return {'ok'}
