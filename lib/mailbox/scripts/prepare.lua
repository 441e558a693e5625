#!lua flags=allow-oom
-- prepare: the first part of step M2 of a migration (docs/architecture.md
-- "Migrating"); the entries are read after it, by plain commands. The version
-- of the user's mailbox in the cold store must have been read before.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, urn, token
--          token: 16 hex digits, never used before
-- Result   {"lost"}   somebody else owns the partition
--          {"none"}   nothing to move: online again, or empty; the mark is gone
--          {"read", high, standard, last_ms, waits}
--                     entries of each band; what expires later than last_ms may
--                     not be copied ("": all may); "<n> <bytes>" of what is in
--                     ingress and hot, or ""
--
-- Invariants
--   - Presence, mark and hot queue are looked at in this instant only.
--   - The hint is set, with a new token, before anything of this copy is read;
--     whoever acks one of these ids from now on sees it. What is read later has
--     come later, and is fenced by the same version.
--   - The record's last_ms covers the copy before its rows can exist: hot may
--     lose them by an ack that the cold store refuses. Where there was no
--     record, nothing was in cold.
-- Bounds: looks at no entry, but for an empty queue that has left an index.
local prefix = KEYS[1]
local owner, lease_ms, urn, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- include lease

-- include index_score

-- include index

-- include cold_record

-- include cold_hinted

local n_high = redis.call('XLEN', prefix .. 'hot!:' .. urn)
local n_standard = redis.call('XLEN', prefix .. 'hot:' .. urn)
local n = n_high + n_standard
if n == 0 or redis.call('EXISTS', prefix .. 'online:' .. urn) == 1 then
  if n == 0 then
    redis.call('DEL', prefix .. 'hot!:' .. urn, prefix .. 'hot:' .. urn)
    index_forget(urn, 0)
    index_settle()
    redis.call('ZREM', prefix .. 'expiry', urn)
  end
  redis.call('ZREM', prefix .. 'migrate', urn)
  return {'none'}
end

-- Of all that is in hot. An index that differs from it knows nothing, and one
-- that has reached its end not enough.
local index, last_ms = prefix .. 'index:' .. urn
if redis.pcall('ZCARD', index) == n then
  local last = redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')
  local second = math.floor(last[2] / INDEX_SPAN)
  if second < INDEX_MAX_S then
    last_ms = (second + INDEX_EPOCH_S) * 1000
  end
end
local waits = redis.pcall('HGET', prefix .. 'waits', urn)
local cold = prefix .. 'cold'
redis.call('HSET', cold, urn,
  cold_hinted(redis.call('HGET', cold, urn), token, last_ms))
return {'read', n_high, n_standard,
  last_ms and string.format('%d', last_ms) or '',
  type(waits) == 'string' and waits or ''}
