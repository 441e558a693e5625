#!lua flags=allow-oom
-- connect: register live connections, or renew what is known of them
-- (docs/architecture.md "Presence").
--
-- KEYS     wp:{p}: of each partition, none of them twice
-- ARGV     run_id, incarnation, protocol, limit, for each partition how many
--          connections are of its users, then the connections, those of one
--          partition together:
--          connection, urn, since_ms, device, chat
--          connection is "<incarnation>.<n>"; since_ms "" means now
-- Result   three words for each, in the order of the connections:
--          "ok", pending, since_ms
--            pending: lower bound of waiting messages, 0 only when nothing
--            waits; what has expired does not wait
--          "gone", 0, ""  the incarnation is not in live, or is being reaped:
--                         take a new one
--          text, 0, ""    what went wrong with this one, which may be
--                         registered or not
--
-- Invariants, for each connection
--   - Everything is read before the first thing is written: a key of a foreign
--     type is an error that leaves nothing behind.
--   - at:<incarnation> knows a connection before online:<urn> does, so whatever
--     is online can be reaped.
--   - At the limit the oldest connection gives way: its daemon is told through
--     due (the guarantee) and Pub/Sub (the fast path).
--   - What is wrong with one decides over no other.
-- Bounds: the connections of the call; for each its user's connections, once
-- for each that has to give way: one, unless the limit was lowered. What waits
-- is counted, not looked at. Each call counts: thousands come back at once
-- after a loss.
local run_id, inc, protocol = ARGV[1], ARGV[2], ARGV[3]
local limit = tonumber(ARGV[4])
local prefix, is_open -- of the partition that is worked on

-- include clock

local now_text = string.format('%d', now_ms)

-- include index_score

-- include index_live

-- include cold_record

-- Can there be something in cold that has not expired?
local function may_wait_in_cold(urn)
  if not is_open then
    return true
  end
  local record = redis.call('HGET', prefix .. 'cold', urn)
  if not record then
    return false
  end
  local _, last = record:match(COLD_RECORD)
  return (tonumber(last) or math.huge) > now_ms
end

-- A lower bound of what waits, for it may be in cold and in hot, and how many
-- connections there are. Of most users who come there is nothing yet.
local function look_for(urn, online)
  local hot, high = prefix .. 'hot:' .. urn, prefix .. 'hot!:' .. urn
  local pending, n_online = 0, 0
  if redis.call('EXISTS', hot, high, online) > 0 then
    pending = live_in_hot(urn, redis.call('XLEN', hot) +
      redis.call('XLEN', high), now_ms)
    n_online = redis.call('HLEN', online)
  end
  if pending == 0 and may_wait_in_cold(urn) then
    pending = 1
  end
  return pending, n_online
end

local function evict_oldest(online, urn)
  local flat = redis.call('HGETALL', online)
  local oldest, oldest_since
  for i = 1, #flat, 2 do
    local started = tonumber(flat[i + 1]:match('^%d+')) or 0
    if not oldest or started < oldest_since then
      oldest, oldest_since = flat[i], started
    end
  end
  local its_inc = oldest:match('^(.*)%.')
  if not its_inc then -- no daemon of ours wrote it: there is nobody to tell
    return redis.call('HDEL', online, oldest)
  end
  redis.call('SADD', prefix .. 'due:' .. its_inc, '!' .. oldest)
  redis.call('HDEL', online, oldest)
  redis.call('SREM', prefix .. 'at:' .. its_inc, oldest .. ' ' .. urn)
  redis.call('PUBLISH', 'wp:poke:' .. its_inc, 'k ' .. oldest)
end

-- Register the connection whose words in ARGV begin at `i`; what waits for its
-- user, and since when it is there.
local function register(i)
  local conn, urn, since = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local online, at = prefix .. 'online:' .. urn, prefix .. 'at:' .. inc
  if since == '' then
    since = now_text
  end
  local pending, n_online = look_for(urn, online)
  if n_online >= limit and redis.call('HEXISTS', online, conn) == 0 then
    redis.call('SCARD', at) -- is it a set?
    repeat
      evict_oldest(online, urn)
    until redis.call('HLEN', online) < limit
  end
  redis.call('SADD', at, conn .. ' ' .. urn)
  redis.call('HSET', online, conn, since .. '\t' .. protocol .. '\t' ..
    ARGV[i + 3] .. '\t' .. ARGV[i + 4])
  return pending, since
end

-- May connections be registered in the partition? Else why not.
local function look_at(key)
  prefix = key
  local counter = redis.call('HGET', prefix .. 'live', inc)
  is_open = redis.call('GET', prefix .. 'gate') == run_id
  return counter and counter ~= 'doomed' or 'gone'
end

local function text_of(problem)
  return type(problem) == 'table' and problem.err or problem
end

local results, i = {}, 5 + #KEYS

local function tell(word, pending, since)
  local n = #results
  results[n + 1], results[n + 2], results[n + 3] = word, pending, since
end

for k, key in ipairs(KEYS) do
  local has_looked, why_not = pcall(look_at, key)
  for _ = 1, tonumber(ARGV[4 + k]) do
    if why_not ~= true then
      tell(has_looked and why_not or text_of(why_not), 0, '')
    else
      local is_done, pending, since = pcall(register, i)
      if is_done then
        tell('ok', pending, since)
      else
        tell(text_of(pending), 0, '')
      end
    end
    i = i + 5
  end
end
return results
