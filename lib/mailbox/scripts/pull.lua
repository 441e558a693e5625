#!lua flags=no-writes,allow-oom
-- pull: the first step of reading a mailbox (docs/architecture.md "Pulling").
-- Always before the cold store is asked: every move is hot to cold, so what
-- leaves hot after it was looked at here is in a page already.
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, urn, limit, max_bytes, max_skipped, max_skipped_bytes,
--          band, id, n, bytes
--          band "1" or "0" with id names a position; "" the start
--          n, bytes: what earlier calls for the same page have read, n of this
--          band, bytes of both
-- Result   {gate, hint, now_ms, high_more, high, standard_more, standard,
--          band, id}
--          gate 1 when the hint can be believed; hint is the user's record in
--          cold, "" when there is none;
--          high and standard are {id, expires_ms, envelope, …}, oldest first,
--          at most limit each; *_more 1 when live entries follow them, and
--          standard is not looked at then when it is high that goes on
--          band "1" or "0" with id: call again with this position, for neither
--          the page nor the queue has come to its end; "" otherwise
--
-- Expired entries are skipped here. max_bytes bounds both bands together; at
-- least one entry is returned when any is alive.
--
-- Bounds: limit and max_bytes of each band, max_skipped and max_skipped_bytes
-- of what has expired, and a slice beyond each.
local prefix = KEYS[1]
local run_id, urn = ARGV[1], ARGV[2]
local limit, max_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local max_skipped, max_skipped_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local band, after, n = ARGV[7], ARGV[8], tonumber(ARGV[9])
local bytes = tonumber(ARGV[10])
local SLICE = 16

-- include clock
local gate = redis.call('GET', prefix .. 'gate') == run_id and 1 or 0
local hint = redis.call('HGET', prefix .. 'cold', urn) or ''
local skipped, skipped_bytes = 0, 0

-- include index_score

-- include index_live

-- From the start on it is known how many there are at most.
local left = math.huge
if band == '' then
  left = live_in_hot(urn, redis.call('XLEN', prefix .. 'hot:' .. urn) +
    redis.call('XLEN', prefix .. 'hot!:' .. urn), now_ms)
end

-- Returns entries, 1 when live ones follow, and where to go on when that, and
-- what follows, is for another call to find out. count: entries of the band
-- that the page has already.
local function read(key, from, count)
  local out = {}
  while left > 0 do
    local slice = redis.call('XRANGE', key, from, '+', 'COUNT', SLICE)
    for _, entry in ipairs(slice) do
      local id, f = entry[1], entry[2] -- e, envelope, x, expiry, f, flags
      from = '(' .. id
      if tonumber(f[4]) > now_ms then
        if count == limit or (bytes > 0 and bytes + #f[2] > max_bytes) then
          return out, 1
        end
        bytes = bytes + #f[2]
        count, left = count + 1, left - 1
        out[#out + 1] = id
        out[#out + 1] = f[4]
        out[#out + 1] = f[2]
      else
        skipped, skipped_bytes = skipped + 1, skipped_bytes + #f[2]
      end
    end
    if #slice < SLICE then
      break
    end
    if skipped >= max_skipped or skipped_bytes >= max_skipped_bytes then
      return out, 0, from:sub(2)
    end
  end
  return out, 0
end

local high, high_more, standard, standard_more = {}, 0, {}, 0
local place
if band ~= '0' then
  high, high_more, place = read(prefix .. 'hot!:' .. urn,
    band == '1' and '(' .. after or '-', n)
  if place then
    return {gate, hint, now_ms, 0, high, 0, {}, '1', place}
  end
  n = 0
end
if high_more == 0 then
  standard, standard_more, place = read(prefix .. 'hot:' .. urn,
    band == '0' and '(' .. after or '-', n)
end
return {gate, hint, now_ms, high_more, high, standard_more, standard,
  place and '0' or '', place or ''}
