#!lua flags=no-writes,allow-oom
-- push_check: is there still something to tell, before a request that comes
-- late after its claim (docs/architecture.md "Push")?
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, urn, claim
-- Result   {is_ours, n, want}, the last two as push_take.lua answers them;
--          is_ours 0: nothing is to be sent, for the claim is another's or has
--          been answered, or the partition must be reconciled first
-- Bounds: those of one look into hot (parts/highest_waiting.lua).
local prefix, run_id, urn, claim = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

local found = redis.call('HMGET', prefix .. 'pushed:' .. urn, 'claim', 'busy')
if found[1] ~= claim or not found[2] or
  redis.call('GET', prefix .. 'gate') ~= run_id then
  return {0, 0, '0-0'}
end

-- include clock

-- include is_above

-- include unpack_entry

-- include highest_waiting

-- include push_nobody

-- include push_want

-- include index_score

-- include index_live

-- include cold_record

-- include push_waiting

local is_online = redis.call('EXISTS', prefix .. 'online:' .. urn) == 1
return {1, push_waiting(urn), push_want(urn, is_online)}
