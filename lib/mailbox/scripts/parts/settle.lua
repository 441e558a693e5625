-- exports push_settle
-- needs prefix
-- Something of a user may have been the last that waited. When his devices
-- were told of it, the entry of pushdue is to come soon: they show how much
-- waits, and nothing does. is_ack: he was there just now.
--
-- It comes too early at worst, or in vain: whether something waits is for
-- push_take.lua to say. The score of a claim is not lowered; push_done.lua
-- looks as well.
local function push_settle(urn, is_ack)
  local key = prefix .. 'pushed:' .. urn
  if redis.call('TYPE', key).ok ~= 'hash' then
    return -- a foreign key is push_take's business
  end
  local SOON_MS = 2000

  -- include clock

  if is_ack then
    redis.call('HSET', key, 'touched', string.format('%d', now_ms))
  end
  local found = redis.call('HMGET', key, 'shown', 'busy')
  if found[1] and not found[2] and
    redis.call('EXISTS', prefix .. 'hot:' .. urn,
      prefix .. 'hot!:' .. urn) == 0 and
    redis.call('HEXISTS', prefix .. 'cold', urn) == 0 then
    redis.call('ZADD', prefix .. 'pushdue', 'LT',
      string.format('%d', now_ms + SOON_MS), urn)
  end
end
