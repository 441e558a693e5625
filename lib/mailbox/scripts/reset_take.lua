#!lua flags=allow-oom
-- reset_take: a code for a new password is used up, by the account that it was
-- made for.
--
-- KEYS[1]  wp:{p}:
-- ARGV     hash of the code, name of the account
-- Result   1 when it was good, else 0; what belongs to another name stays
local key = KEYS[1] .. 'reset:' .. ARGV[1]
if redis.call('GET', key) ~= ARGV[2] then
  return 0
end
return redis.call('DEL', key)
