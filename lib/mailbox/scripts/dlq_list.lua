#!lua flags=no-writes,allow-oom
-- dlq_list: what is known of dead letters, without what is sealed in them.
--
-- KEYS[1]  wp:{p}:dlq or wp:inbox:dlq
-- ARGV     from, to, count: as XRANGE takes them
-- Result   {{entry, id, reason, tries, at, u, b, f, x, bytes, has_key}, …},
--          oldest first; "" for what the entry does not say
--
-- Envelopes and idempotency keys do not leave Redis here, and lengths are
-- bounded: what is in wp:inbox:dlq was written by others.
--
-- Bounds: count entries, and they may be large: callers ask for few.
local from, to, left = ARGV[1], ARGV[2], tonumber(ARGV[3])
local SLICE, MAX_TEXT = 16, 256
local NAMES = {'id', 'reason', 'tries', 'at', 'u', 'b', 'f', 'x'}

-- include fields_of

local function describe(entry)
  local fields = fields_of(entry)
  local row = {entry[1]}
  for _, name in ipairs(NAMES) do
    row[#row + 1] = (fields[name] or ''):sub(1, MAX_TEXT)
  end
  row[#row + 1] = #(fields.e or fields.envelope or fields.m or '')
  row[#row + 1] = fields.key and 1 or 0
  return row
end

local out = {}
while left > 0 do
  local slice = redis.call('XRANGE', KEYS[1], from, to, 'COUNT',
    math.min(SLICE, left))
  for _, entry in ipairs(slice) do
    out[#out + 1] = describe(entry)
    from = '(' .. entry[1]
  end
  left = left - SLICE
  if #slice < SLICE then
    break
  end
end
return out
