#!lua flags=no-writes,allow-oom
-- glance: how a partition is doing, in numbers, for an operator.
--
-- KEYS[1]  wp:{p}:
-- Result   {now_ms, owner, gate, ingress, first, added, marks, mark_ms, tries,
--          dead, hot, expiry_ms, cold,
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
--
-- Says nobody's name, and nothing of what is sealed leaves Redis.
-- Bounds: one look each, and one for each incarnation; the first and the last
-- entry of ingress are read.
local prefix = KEYS[1]

-- include clock

local function text_of(name)
  local value = redis.call('GET', prefix .. name)
  return value or ''
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

local waiting = ingress()
local first = waiting['first-entry']
local mark = redis.call('ZRANGE', prefix .. 'migrate', 0, 0, 'WITHSCORES')
local expiry = redis.call('ZRANGE', prefix .. 'expiry', 0, 0, 'WITHSCORES')
return {
  string.format('%d', now_ms), text_of('owner'), text_of('gate'),
  waiting.length, first and first[1] or '', waiting['entries-added'],
  redis.call('ZCARD', prefix .. 'migrate'), mark[2] or '',
  redis.call('HLEN', prefix .. 'tries'), redis.call('XLEN', prefix .. 'dlq'),
  redis.call('ZCARD', prefix .. 'expiry'), expiry[2] or '',
  redis.call('HLEN', prefix .. 'cold'), daemons(),
}
