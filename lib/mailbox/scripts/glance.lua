#!lua flags=no-writes,allow-oom
-- glance: how a partition is doing, in numbers, for an operator.
--
-- KEYS[1]  wp:{p}:
-- Result   {now_ms, owner, gate, ingress, first, added, marks, mark_ms, tries,
--          dead, hot, expiry_ms, cold, cold_n, cold_bytes,
--          {incarnation, counter, connections, …}}
--          owner, gate: as they are, "" for none
--          ingress, first, added: entries that wait, id of the first, how many
--          there have ever been
--          marks, mark_ms: users to be moved to the cold store, and when the
--          first of them is due
--          tries: entries that have failed; dead: dead letters
--          hot, cold: users with something in hot, and of whom something may
--          be in the cold store; expiry_ms: when the first of what is in hot
--          expires
--          cold_n, cold_bytes: what it told of these last; of more than SEEN
--          users as many are looked at, and stand for all
--
-- Says nobody's name, and nothing of what is sealed leaves Redis.
-- Bounds: one look each, one for each incarnation, and SEEN records; the first
-- and the last entry of ingress are read.
local prefix = KEYS[1]
local SEEN = 64

-- include clock

-- include cold_record

local function text_of(name)
  local value = redis.call('GET', prefix .. name)
  return value or ''
end

-- Exact, and a number that all can read: it may be of what others wrote.
local function whole(n)
  return string.format('%.0f', math.min(n, 2^53))
end

local function ingress()
  local info = redis.pcall('XINFO', 'STREAM', prefix .. 'ingress')
  local out = {length = 0, ['entries-added'] = 0}
  if info.err then
    return out
  end
  for i = 1, #info, 2 do
    out[info[i]] = info[i + 1]
  end
  return out
end

local function daemons()
  local out = {}
  local live = redis.call('HGETALL', prefix .. 'live')
  for i = 1, #live, 2 do
    out[#out + 1] = live[i]
    out[#out + 1] = live[i + 1]
    out[#out + 1] = redis.call('SCARD', prefix .. 'at:' .. live[i])
  end
  return out
end

-- How many messages, and how many bytes, of n users.
local function in_cold(n)
  local pairs_of = redis.call('HRANDFIELD', prefix .. 'cold', SEEN,
    'WITHVALUES')
  local messages, bytes = 0, 0
  for i = 2, #pairs_of, 2 do
    local _, _, _, its, its_bytes = pairs_of[i]:match(COLD_RECORD)
    messages = messages + (tonumber(its) or 0)
    bytes = bytes + (tonumber(its_bytes) or 0)
  end
  local share = math.max(1, n / SEEN)
  return whole(messages * share), whole(bytes * share)
end

local waiting = ingress()
local cold = redis.call('HLEN', prefix .. 'cold')
local cold_n, cold_bytes = in_cold(cold)
local first = waiting['first-entry']
local mark = redis.call('ZRANGE', prefix .. 'migrate', 0, 0, 'WITHSCORES')
local expiry = redis.call('ZRANGE', prefix .. 'expiry', 0, 0, 'WITHSCORES')
return {
  string.format('%d', now_ms), text_of('owner'), text_of('gate'),
  waiting.length, first and first[1] or '', whole(waiting['entries-added']),
  redis.call('ZCARD', prefix .. 'migrate'), mark[2] or '',
  redis.call('HLEN', prefix .. 'tries'), redis.call('XLEN', prefix .. 'dlq'),
  redis.call('ZCARD', prefix .. 'expiry'), expiry[2] or '',
  cold, cold_n, cold_bytes, daemons(),
}
