#!lua flags=allow-oom
-- trim: step M4 of a migration (docs/architecture.md "Migrating"): the ids are
-- in the cold store, or were acked meanwhile, or are ephemeral.
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, version, rows, bytes, n, e, n ids of the standard band, ids of
--          the high band
--          version, rows, bytes: what the cold store said of the mailbox after
--          the append; version 0 when nothing was appended
--          e: 1 when all of them are ephemeral, else 0
-- Result   {"empty"} the marks are gone; {"more"} the mark stays, behind those
--          of everybody who is due
--
-- Invariants: deletes exactly these ids, so what was routed after they were
-- read stays and keeps its mark; and the ephemeral only while the user is away,
-- for they may have come when he was here, and are nowhere else. Never sets or
-- clears the hint. Needs no guard: the ids are in cold or acked whoever owns
-- the partition now. What the store said is written before the ids go, so that
-- a cut counts twice what moved, and the next trim, for the mark is still
-- there, puts that right. An id that is in ingress as well, for a route call
-- was cut off, goes on waiting there.
-- Bounds: one look per id, and a migration moves at most 1,000 at a time.
local prefix, urn, version = KEYS[1], ARGV[1], ARGV[2]
local FIRST, n, last = 7, tonumber(ARGV[5]), #ARGV
if ARGV[6] == '1' and
  redis.call('EXISTS', prefix .. 'online:' .. urn) == 1 then
  n, last = 0, FIRST - 1
end
local high, standard = prefix .. 'hot!:' .. urn, prefix .. 'hot:' .. urn
local CHUNK = 500

-- include index_score

-- include index

-- include cold_record

-- include cold_told

local cold = prefix .. 'cold'
local record = version ~= '0' and redis.call('HGET', cold, urn)
record = record and cold_told(record, version, ARGV[3], ARGV[4])
if record then
  redis.call('HSET', cold, urn, record)
end

local is_routing = redis.pcall('XLEN', prefix .. 'ingress') ~= 0
local deleted = 0

-- Which of these are in ingress as well? Made for calls that have to ask.
local function stay(first, last)
  -- include is_above

  -- include staying

  return staying_in_ingress(ARGV, first, last)
end

local function delete(key, first, last)
  for i = first, last, CHUNK do
    deleted = deleted + redis.call('XDEL', key,
      unpack(ARGV, i, math.min(i + CHUNK - 1, last)))
  end
  return is_routing and stay(first, last) or nil
end
local staying = delete(standard, FIRST, FIRST + n - 1)
local staying_high = delete(high, FIRST + n, last)

-- One band may be empty for long while new messages arrive in the other.
local left = 0
for _, key in ipairs({high, standard}) do
  local waiting = redis.call('XLEN', key)
  left = left + waiting
  if waiting == 0 then
    redis.call('DEL', key)
  end
end
if left > 0 then
  index_remove(urn, '', ARGV, FIRST, FIRST + n - 1, staying)
  index_remove(urn, '!', ARGV, FIRST + n, last, staying_high)
  index_settle(not is_routing)
  local time = redis.call('TIME')
  redis.call('ZADD', prefix .. 'migrate', 'XX', 'GT', string.format('%d',
    time[1] * 1000 + math.floor(time[2] / 1000)), urn)
  return {'more'}
end
redis.call('ZREM', prefix .. 'migrate', urn)
index_forget(urn, not (staying or staying_high) and deleted or nil)
index_settle(not is_routing)
redis.call('ZREM', prefix .. 'expiry', urn)
return {'empty'}
