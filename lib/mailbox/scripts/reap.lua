#!lua flags=allow-oom
-- reap: take a dead incarnation's connections offline, a chunk at a time (4.6).
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, incarnation, counter, chunk, seen_ttl_seconds,
--          push_max
--          push_max: about how many notification commands are kept; 0 or left
--          out: nobody wants any
--          counter: the heartbeat counter that has not changed for too long
-- Result   {"lost"}      somebody else owns the partition
--          {"alive"}     the counter moved, or it is gone already
--          {"more", n}   n connections were removed, call again
--          {"done", n}   and the incarnation is no longer in live
--
-- Invariants
--   - Staleness is judged again in this instant, once: from the first chunk on
--     the incarnation is "doomed" in live, and heartbeat and connect treat it as
--     gone. If it could beat again between two chunks, the connections of the
--     first would stay offline although they are open.
--   - Per connection: offline first, then the migration mark and a notification
--     unless one was asked for the same messages, then at: forgets it; live goes
--     last. A cut anywhere leaves enough for the next call.
local prefix, owner, inc = KEYS[1], ARGV[1], ARGV[3]
local at = prefix .. 'at:' .. inc
local push_max, NOTIFIED_SECONDS = tonumber(ARGV[7] or '0'), 30 * 24 * 3600

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

if redis.call('GET', prefix .. 'owner') ~= owner then
  return {'lost'}
end
redis.call('PEXPIRE', prefix .. 'owner', ARGV[2])
local counter = redis.call('HGET', prefix .. 'live', inc)
if counter ~= ARGV[4] and counter ~= 'doomed' then
  return {'alive'}
end
redis.call('HSET', prefix .. 'live', inc, 'doomed')

local time = redis.call('TIME')
local now_text = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
local members = redis.call('SRANDMEMBER', at, ARGV[5])
for _, member in ipairs(members) do
  local conn, urn = member:match('^(%S+) (.+)$')
  local online = prefix .. 'online:' .. urn
  redis.call('HDEL', online, conn)
  if redis.call('EXISTS', online) == 0 then
    redis.call('SET', prefix .. 'seen:' .. urn, time[1], 'EX', ARGV[6])
    if redis.call('EXISTS', prefix .. 'hot:' .. urn,
      prefix .. 'hot!:' .. urn) > 0 then
      redis.call('ZADD', prefix .. 'migrate', 'LT', now_text, urn)
      local id = push_max > 0 and highest_waiting(urn)
      if id then
        notify(urn, id)
      end
    end
  end
  redis.call('SREM', at, member)
end
if redis.call('EXISTS', at) == 1 then
  return {'more', #members}
end
redis.call('DEL', prefix .. 'due:' .. inc)
redis.call('HDEL', prefix .. 'live', inc)
return {'done', #members}
