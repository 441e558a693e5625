-- exports go_offline
-- needs prefix, now_s, now_ms, seen_ttl, push_max, highest_waiting, push_about
-- A user's last connection went. When messages wait, the user is marked to be
-- migrated at mark_ms, and a notification is asked for unless one was for the
-- same messages. was_seen: it was a connection that was there until now. True
-- when there is a mark.
local function go_offline(urn, was_seen, mark_ms)
  if was_seen then
    redis.call('SET', prefix .. 'seen:' .. urn, now_s, 'EX', seen_ttl)
  end
  if redis.call('EXISTS', prefix .. 'hot:' .. urn,
    prefix .. 'hot!:' .. urn) > 0 then
    redis.call('ZADD', prefix .. 'migrate', 'LT', string.format('%d', mark_ms),
      urn)
    local id = push_max > 0 and highest_waiting(urn, now_ms)
    if id then
      push_about(urn, id)
    end
    return true
  end
  return false
end
