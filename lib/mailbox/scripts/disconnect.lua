#!lua flags=allow-oom
-- disconnect: forget exactly one connection (ARCHITECTURE 4.6).
--
-- KEYS[1]  wp:{p}:
-- ARGV     connection, urn, grace_ms, seen_ttl_seconds, push_max
--          push_max: about how many notification commands are kept; 0 or left
--          out: nobody wants any
-- Result   {"ok", left}: connections that the user still has
--
-- Invariants: removes only its own connection id, so a late call cannot take a
-- reconnected user offline. When it was the last one and messages wait, the user
-- is marked for migration, and a notification is asked for unless one was for
-- the same messages, before at:<incarnation> forgets the connection.
local prefix, conn, urn = KEYS[1], ARGV[1], ARGV[2]
local online = prefix .. 'online:' .. urn
local push_max, NOTIFIED_SECONDS = tonumber(ARGV[5] or '0'), 30 * 24 * 3600

-- Both parts are below 2^53, so Lua's numbers compare them exactly.
local function is_above(a, b)
  local a_ms, a_seq = a:match('^(%d+)-(%d+)$')
  local b_ms, b_seq = b:match('^(%d+)-(%d+)$')
  a_ms, a_seq = tonumber(a_ms), tonumber(a_seq)
  b_ms, b_seq = tonumber(b_ms), tonumber(b_seq)
  return a_ms > b_ms or (a_ms == b_ms and a_seq > b_seq)
end

-- Ask for a notification about id, unless that or a higher one was asked for. A
-- command that a cut left as the newest one is not written twice.
local push = prefix .. 'push'
local function notify(urn, id)
  local notified = prefix .. 'notified:' .. urn
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
  redis.call('SET', notified, id, 'EX', NOTIFIED_SECONDS)
  return entry
end

-- The highest id that waits in hot and is not ephemeral, or nil.
local function highest_waiting(urn)
  local highest
  for _, key in ipairs({prefix .. 'hot:' .. urn, prefix .. 'hot!:' .. urn}) do
    local to, looked = '+', 0
    repeat
      local slice = redis.pcall('XREVRANGE', key, to, '-', 'COUNT', 16)
      local found
      slice = slice.err and {} or slice -- a foreign key is route's business
      for _, entry in ipairs(slice) do
        to = '(' .. entry[1]
        if not found and not entry[2][6]:find('e', 1, true) then
          found = entry[1]
        end
      end
      looked = looked + #slice
      if found and (not highest or is_above(found, highest)) then
        highest = found
      end
    until found or #slice < 16 or looked >= 1024
  end
  return highest
end

redis.call('HDEL', online, conn)
local left = redis.call('HLEN', online)
if left == 0 then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('SET', prefix .. 'seen:' .. urn, time[1], 'EX', ARGV[4])
  if redis.call('EXISTS', prefix .. 'hot:' .. urn, prefix .. 'hot!:' .. urn) > 0 then
    redis.call('ZADD', prefix .. 'migrate', 'LT',
      string.format('%d', now_ms + tonumber(ARGV[3])), urn)
    local id = push_max > 0 and highest_waiting(urn)
    if id then
      notify(urn, id)
    end
  end
end
redis.call('SREM', prefix .. 'at:' .. conn:match('^(.*)%.'), conn .. ' ' .. urn)
return {'ok', left}
