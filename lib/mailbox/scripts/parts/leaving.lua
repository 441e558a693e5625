-- exports go_offline
-- needs prefix, now_s, seen_ttl, push_grace_ms, push_departed
-- A user's last connection went. When messages wait, the user is marked to be
-- migrated at mark_ms, and told of them some time after push_ms unless that was
-- asked for before. was_seen: it was a connection that was there until now.
-- True when there is a mark.
local function go_offline(urn, was_seen, mark_ms, push_ms)
  if was_seen then
    redis.call('SET', prefix .. 'seen:' .. urn, now_s, 'EX', seen_ttl)
  end
  local is_marked = redis.call('EXISTS', prefix .. 'hot:' .. urn,
    prefix .. 'hot!:' .. urn) > 0
  if is_marked then
    redis.call('ZADD', prefix .. 'migrate', 'LT', string.format('%d', mark_ms),
      urn)
  end
  if push_grace_ms then
    push_departed(urn, push_ms + push_grace_ms)
  end
  return is_marked
end
