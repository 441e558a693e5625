#!lua flags=no-writes,allow-oom
-- pull: step P1 of reading a mailbox (ARCHITECTURE 4.5). Always before the cold
-- store is asked: every move is hot to cold, so what leaves hot after this
-- snapshot is in this snapshot as well.
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, urn, limit, max_bytes, after_band, after_id
--          after_band "1" or "0" with after_id names a position; "" the start
-- Result   {gate, token, now_ms, high_more, high, standard_more, standard}
--          gate 1 when the hint can be believed; token "" when there is none;
--          high and standard are {id, expires_ms, envelope, …}, oldest first,
--          at most limit each; *_more 1 when live entries follow them
--
-- Expired entries are skipped here. max_bytes bounds both bands together; at
-- least one entry is returned when any is alive.
local prefix = KEYS[1]
local run_id, urn = ARGV[1], ARGV[2]
local limit, max_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local after_band, after_id = ARGV[5], ARGV[6]
local SLICE = 16

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local gate = redis.call('GET', prefix .. 'gate') == run_id and 1 or 0
local token = redis.call('HGET', prefix .. 'cold', urn) or ''
local bytes, is_full = 0, false

local function read(key, from)
  local out, count = {}, 0
  while true do
    local slice = redis.call('XRANGE', key, from, '+', 'COUNT', SLICE)
    for _, entry in ipairs(slice) do
      local id, f = entry[1], entry[2] -- e, envelope, x, expiry, f, flags
      from = '(' .. id
      if tonumber(f[4]) > now_ms then
        if is_full or count == limit or
          (bytes > 0 and bytes + #f[2] > max_bytes) then
          is_full = is_full or count < limit
          return out, 1
        end
        bytes = bytes + #f[2]
        count = count + 1
        out[#out + 1] = id
        out[#out + 1] = f[4]
        out[#out + 1] = f[2]
      end
    end
    if #slice < SLICE then
      return out, 0
    end
  end
end

local high, high_more = {}, 0
local from = '-'
if after_band == '1' then
  high, high_more = read(prefix .. 'hot!:' .. urn, '(' .. after_id)
elseif after_band == '0' then
  from = '(' .. after_id
else
  high, high_more = read(prefix .. 'hot!:' .. urn, '-')
end
local standard, standard_more = read(prefix .. 'hot:' .. urn, from)
return {gate, token, now_ms, high_more, high, standard_more, standard}
