#!lua
-- invite_put: there is an invite, and its end.
--
-- KEYS[1]  wp:{p}:
-- ARGV     hash of the invite, uses, ttl_s
-- Result   1
--
-- One call for both: an invite whose end was not heard of would be good for
-- ever. Cut off in between it is one that was told to nobody, which
-- invite_take does not take.
local key = KEYS[1] .. 'invite:' .. ARGV[1]
redis.call('HSET', key, 'uses', ARGV[2])
redis.call('EXPIRE', key, ARGV[3])
return 1
