-- exports push_departed
-- needs prefix, now_ms, is_above, highest_waiting, push_about, push_sooner
-- Somebody is offline by now: have him told of what waits in hot, unless that
-- was asked for before. What is in hot may have come while he was online, and
-- then nobody has asked.
local function push_departed(urn, at_ms)
  push_sooner(urn, at_ms)
  local id, high = highest_waiting(urn, now_ms)
  if id then
    local known = redis.call('GET', prefix .. 'notified:' .. urn)
    push_about({{urn = urn, about = id, at = string.format('%d', at_ms),
      is_high = high and not (known and not is_above(high, known))}})
  end
end
