-- exports push_about, push_take_back
-- needs prefix, push_max, is_above
-- Ask for a notification about id, unless that or a higher one was asked for. A
-- command that a cut left as the newest one is not written twice. Returns the
-- command's id, or nil: there is one already.
local push_about, push_take_back
do
  local KNOWN_SECONDS = 30 * 24 * 3600

  function push_about(urn, id)
    local push, notified = prefix .. 'push', prefix .. 'notified:' .. urn
    local known = redis.call('GET', notified)
    if known and not is_above(id, known) then
      return nil
    end
    local newest = redis.call('XREVRANGE', push, '+', '-', 'COUNT', 1)[1]
    local entry = newest and newest[2][2] == urn and newest[2][4] == id and
      newest[1]
    if not entry then
      entry = redis.call('XADD', push, 'MAXLEN', '~', push_max, '*', 'u', urn,
        'id', id)
    end
    redis.call('SET', notified, id, 'EX', KNOWN_SECONDS)
    return entry
  end

  function push_take_back(entry)
    redis.call('XDEL', prefix .. 'push', entry)
  end
end
