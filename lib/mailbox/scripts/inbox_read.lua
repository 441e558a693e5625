#!lua flags=no-writes,allow-oom
-- inbox_read: the next entries of wp:inbox, as much as one bite may be.
--
-- KEYS[1]  wp:inbox
-- ARGV     after, max_entries, max_bytes, max_envelope_bytes
--          after: id behind which to begin, or "" for the head
-- Result   {more, {id, envelope, key, is_too_big}, …}
--          more 1 when something may be behind; envelope and key are nil when
--          the entry has none; an envelope above the maximum is not handed out
--
-- Whatever else a producer has written into an entry stays here.
-- Bounds: max_entries and max_bytes, and one entry beyond them.
local key, after = KEYS[1], ARGV[1]
local max_entries, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local max_envelope_bytes = tonumber(ARGV[4])
local KEY_MAX = 1024 -- far above what is a key; longer ones are refused as well

local out, bytes = {0}, 0
local from = after == '' and '-' or '(' .. after
while #out <= max_entries and bytes < max_bytes do
  local entry = redis.call('XRANGE', key, from, '+', 'COUNT', 1)[1]
  if not entry then
    return out
  end
  local item = {entry[1], false, false, 0}
  local fields = entry[2]
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if name == 'envelope' then
      item[4] = #value > max_envelope_bytes and 1 or 0
      item[2] = item[4] == 0 and value
    elseif name == 'key' then
      item[3] = value:sub(1, KEY_MAX)
    end
  end
  bytes = bytes + #(item[2] or '') + #(item[3] or '')
  out[#out + 1] = item
  from = '(' .. entry[1]
end
out[1] = 1
return out
