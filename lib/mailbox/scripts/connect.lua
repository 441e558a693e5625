#!lua flags=allow-oom
-- connect: register a live connection, or renew what is known of it
-- (docs/architecture.md "Presence").
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, incarnation, connection, urn, since_ms, protocol, device,
--          chat, limit
--          connection is "<incarnation>.<n>"; since_ms "" means now
-- Result   {"gone"}  the incarnation is not in live, or is being reaped: take a
--                    new one
--          {"ok", pending, since_ms}
--          pending: lower bound of waiting messages, 0 only when nothing waits;
--          what has expired does not wait
--
-- Invariants
--   - Everything is read before the first thing is written: a key of a foreign
--     type is an error that leaves nothing behind.
--   - at:<incarnation> knows a connection before online:<urn> does, so whatever
--     is online can be reaped.
--   - At the limit the oldest connection gives way: its daemon is told through
--     due (the guarantee) and Pub/Sub (the fast path).
-- Bounds: the user's connections, once for each that has to give way: one,
-- unless the limit was lowered. What waits is counted, not looked at. Each call
-- counts: thousands come back at once after a loss.
local prefix, run_id, inc = KEYS[1], ARGV[1], ARGV[2]
local conn, urn, since = ARGV[3], ARGV[4], ARGV[5]
local limit = tonumber(ARGV[9])
local online = prefix .. 'online:' .. urn

local counter = redis.call('HGET', prefix .. 'live', inc)
if not counter or counter == 'doomed' then
  return {'gone'}
end
-- include clock
if since == '' then
  since = string.format('%d', now_ms)
end

-- include index_score

-- include index_live

-- include cold_record

-- Can there be something in cold that has not expired?
local function may_wait_in_cold()
  if redis.call('GET', prefix .. 'gate') ~= run_id then
    return true
  end
  local record = redis.call('HGET', prefix .. 'cold', urn)
  if not record then
    return false
  end
  local _, last = record:match(COLD_RECORD)
  return (tonumber(last) or math.huge) > now_ms
end

local in_hot = redis.call('XLEN', prefix .. 'hot:' .. urn) +
  redis.call('XLEN', prefix .. 'hot!:' .. urn)
local pending = live_in_hot(urn, in_hot, now_ms)
if pending == 0 and may_wait_in_cold() then
  pending = 1 -- what is in cold may be in hot as well: a lower bound
end
local is_at_limit = redis.call('HLEN', online) >= limit

local function evict_oldest()
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

if is_at_limit and redis.call('HEXISTS', online, conn) == 0 then
  redis.call('SCARD', prefix .. 'at:' .. inc) -- is it a set?
  repeat
    evict_oldest()
  until redis.call('HLEN', online) < limit
end
redis.call('SADD', prefix .. 'at:' .. inc, conn .. ' ' .. urn)
redis.call('HSET', online, conn,
  since .. '\t' .. ARGV[6] .. '\t' .. ARGV[7] .. '\t' .. ARGV[8])
return {'ok', pending, since}
