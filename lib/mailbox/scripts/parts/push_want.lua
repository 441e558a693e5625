-- exports push_want
-- needs prefix, now_ms, is_above, highest_waiting, PUSH_NOBODY
-- The highest id that somebody is to be told about: what was asked for, and
-- while he is online what waits in hot, of which nobody asks for him. "0-0":
-- none, or he has no device.
local function push_want(urn, is_online)
  local known = redis.call('GET', prefix .. 'notified:' .. urn) or '0-0'
  if known == PUSH_NOBODY then
    return '0-0'
  end
  local id = is_online and highest_waiting(urn, now_ms)
  if id and is_above(id, known) then
    return id
  end
  return is_above(known, '0-0') and known or '0-0' -- it may be no id
end
