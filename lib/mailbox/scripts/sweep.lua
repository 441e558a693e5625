#!lua flags=allow-oom
-- sweep: delete expired messages from hot queues (docs/architecture.md
-- "Expiry"). Pulls skip what has expired anyway; this gives the memory back.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, max_users, max_entries, max_bytes, now_ms
--          max_entries and max_bytes bound what one call looks at; now_ms is
--          the time to delete by: the clock may be ahead of it, and if the
--          clock has been set back since, a new message may carry a time before
--          it
-- Result   {"lost"}  somebody else owns the partition
--          {"ok", deleted, more}: more 1 when the call should be repeated
--
-- wp:{p}:expiry has every user with something in hot, at or before the earliest
-- expiry in there; an entry too many or too early costs a look, no more. A
-- queue that is too long for one call is walked through in several: `sweep`
-- says where the next one goes on. New messages may arrive behind that walk, so
-- the user's score is raised by RETRY_MS before it, and lowered only by what is
-- found, by route as well: at the latest then somebody looks again.
--
-- Bounds: max_users, max_entries, max_bytes, and a slice beyond them.
-- Invariants
--   - Deletes what had expired by now_ms and by the clock, and nothing else.
--   - Mark and queues go like in trim, once nothing is left.
-- Safe to repeat after a cut at any point: a score that is still due, or the
-- place in sweep, brings the next call back here.
local prefix, owner, lease_ms = KEYS[1], ARGV[1], ARGV[2]
local max_users = tonumber(ARGV[3])
local max_entries, max_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local expiry, place = prefix .. 'expiry', prefix .. 'sweep'
local SLICE, RETRY_MS = 16, 3600 * 1000

-- include clock
now_ms = math.min(tonumber(ARGV[6]), now_ms)

-- include lease

-- include settle

local deleted, looked, bytes = 0, 0, 0
local emptied = {} -- of whom nothing is left in hot

-- include index_score

-- include index

-- include is_above

-- include staying

-- include unpack_entry

local function is_full()
  return looked >= max_entries or bytes >= max_bytes
end

local function is_stream(key)
  return redis.call('TYPE', key).ok == 'stream'
end

-- Sweep a band from a position on. Returns the earliest expiry seen, and the
-- position to go on from when the call is full before the end.
local function sweep_band(urn, mark, key, from, earliest)
  if not is_stream(key) then
    return earliest
  end
  while not is_full() do
    local slice = redis.call('XRANGE', key, from, '+', 'COUNT', SLICE)
    local expired = {}
    for _, entry in ipairs(slice) do
      local id = entry[1]
      local expires_ms, size = unpack_entry(entry[2])
      expires_ms = expires_ms or math.huge -- a foreign hand
      from = '(' .. id
      bytes = bytes + (size or #entry[2][2])
      if expires_ms <= now_ms then
        expired[#expired + 1] = id
      else
        earliest = math.min(earliest, expires_ms)
      end
    end
    looked = looked + #slice
    if #expired > 0 then
      deleted = deleted + redis.call('XDEL', key, unpack(expired))
      index_remove(urn, mark, expired, 1, #expired,
        staying_in_ingress(expired, 1, #expired))
    end
    if #slice < SLICE then
      return earliest
    end
  end
  return earliest, from
end

local function to_text(ms)
  return ms == math.huge and '+inf' or string.format('%d', ms)
end

-- Where the next call goes on; the score first, or a cut would leave none.
local function pause(urn, band, from, earliest, is_first)
  if is_first then
    redis.call('ZADD', expiry, to_text(now_ms + RETRY_MS), urn)
  end
  redis.call('SET', place,
    table.concat({band, from, to_text(earliest), urn}, ' '))
end

-- The queues were walked through to their ends.
local function finish(urn, earliest, is_first)
  local high, standard = prefix .. 'hot!:' .. urn, prefix .. 'hot:' .. urn
  local is_empty = true
  for _, key in ipairs({high, standard}) do
    if is_stream(key) then
      if redis.call('XLEN', key) == 0 then
        redis.call('DEL', key)
      else
        is_empty = false
      end
    end
  end
  if is_empty then
    if redis.call('EXISTS', high, standard) == 0 then
      redis.call('ZREM', prefix .. 'migrate', urn)
    end
    index_forget(urn, 0)
    emptied[#emptied + 1] = urn
  elseif is_first then
    redis.call('ZADD', expiry, to_text(earliest), urn)
  else
    redis.call('ZADD', expiry, 'LT', to_text(earliest), urn)
  end
end

-- Returns false when the call is full before the end of the user's queues.
local function sweep_user(urn, band, from, earliest, is_first)
  local rest
  if band == '1' then
    earliest, rest = sweep_band(urn, '!', prefix .. 'hot!:' .. urn, from,
      earliest)
    if rest then
      pause(urn, '1', rest, earliest, is_first)
      return false
    end
    from = '-'
  end
  earliest, rest = sweep_band(urn, '', prefix .. 'hot:' .. urn, from, earliest)
  if rest then
    pause(urn, '0', rest, earliest, is_first)
    return false
  end
  finish(urn, earliest, is_first)
  return true
end

-- Returns whether the call should be repeated.
local function sweep()
  local paused = redis.call('GET', place)
  if paused then
    local band, from, earliest, urn = paused:match('^(%d) (%S+) (%S+) (.+)$')
    earliest = earliest == '+inf' and math.huge or tonumber(earliest)
    if not sweep_user(urn, band, from, earliest, false) then
      return true
    end
    redis.call('DEL', place)
  end
  local due = redis.call('ZRANGEBYSCORE', expiry, '-inf',
    string.format('%d', now_ms), 'LIMIT', 0, max_users)
  for _, urn in ipairs(due) do
    if is_full() or not sweep_user(urn, '1', '-', math.huge, true) then
      return true
    end
  end
  return #due == max_users
end

local more = sweep()
index_settle()
for _, urn in ipairs(emptied) do
  push_settle(urn, false)
  redis.call('ZREM', expiry, urn)
end
return {'ok', deleted, more and 1 or 0}
