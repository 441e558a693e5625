#!lua flags=allow-oom
-- prepare: step M2 of a migration (docs/architecture.md "Migrating"). The
-- version of the user's mailbox in the cold store must have been read before.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, urn, max_entries, max_bytes, token
--          token: 16 hex digits, never used before
-- Result   {"lost"}   somebody else owns the partition
--          {"none"}   nothing to move: online again, or empty; the mark is gone
--          {"rows", n, {id, expires_ms, m}, …}
--                   the oldest entries of each band, without gaps; the first n
--                   of the high one
--
-- Invariants
--   - Presence, mark and hot queue are looked at in this instant only.
--   - The hint is set, with a new token, before any cold row of this copy can
--     exist; whoever acks one of these ids from now on sees it.
--   - The record's last_ms covers this copy before its rows can exist: hot may
--     lose them by an ack that the cold store refuses. Where there was no
--     record, nothing was in cold.
-- Bounds: max_entries of each band, max_bytes and a slice beyond it.
local prefix = KEYS[1]
local owner, lease_ms, urn = ARGV[1], ARGV[2], ARGV[3]
local max_entries, max_bytes, token =
  tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local SLICE = 16

-- include lease

-- include index_score

-- include index

-- include unpack_entry

-- include cold_record

-- include cold_hinted

local high, standard = prefix .. 'hot!:' .. urn, prefix .. 'hot:' .. urn
local is_empty = redis.call('XLEN', high) == 0 and
  redis.call('XLEN', standard) == 0
if is_empty or redis.call('EXISTS', prefix .. 'online:' .. urn) == 1 then
  if is_empty then
    redis.call('DEL', high, standard)
    redis.call('ZREM', prefix .. 'expiry', urn)
    index_forget(urn, 0)
    index_settle()
  end
  redis.call('ZREM', prefix .. 'migrate', urn)
  return {'none'}
end

local rows = {'rows', 0}
local bytes, last_ms = 0, 0

local function take(key)
  local from, taken = '-', 0
  while taken < max_entries do
    local slice = redis.call('XRANGE', key, from, '+', 'COUNT',
      math.min(SLICE, max_entries - taken))
    for _, entry in ipairs(slice) do
      local id, flat = entry[1], entry[2]
      local expires_ms, size, bits = unpack_entry(flat)
      size = size or #flat[2]
      if bytes > 0 and bytes + size > max_bytes then
        return
      end
      bytes = bytes + size
      if bits and bits % 4 < EPHEMERAL then -- else it is not stored
        last_ms = math.max(last_ms, expires_ms or 0)
      end
      rows[#rows + 1] = {id, flat[2], flat[4] or ''}
      from = '(' .. id
    end
    taken = taken + #slice
    if #slice < SLICE then
      return
    end
  end
end
take(high)
rows[2] = #rows - 2
take(standard)

local cold = prefix .. 'cold'
redis.call('HSET', cold, urn,
  cold_hinted(redis.call('HGET', cold, urn), token, last_ms))
return rows
