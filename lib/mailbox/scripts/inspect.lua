#!lua flags=no-writes,allow-oom
-- inspect: what is known of one mailbox, or of one place in a partition, for an
-- operator who names it.
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, entry; "" for nobody, or no place
-- Result   {now_ms, waits, cold, mark_ms, connections, seen, sessions,
--          {n, bytes, first}, {n, bytes, first}, in_ingress, in_hot, tries}
--          waits, cold, mark_ms, seen: as they are, "" for none
--          the pairs of the standard and the high band in hot: entries, bytes
--          of their envelopes (-1: the index does not know), id of the first
--          in_ingress, in_hot, tries: of entry; "1" when it is there
--
-- Nothing of what is sealed leaves Redis.
-- Bounds: MAX entries of an index; else one look each.
local prefix, urn, entry = KEYS[1], ARGV[1], ARGV[2]
local MAX = 20000

-- include clock

-- include index_score

local function is_there(key)
  local found = redis.pcall('XRANGE', key, entry, entry)
  return entry ~= '' and not found.err and #found > 0
end

-- Bytes of each band by the index, when it has all that hot has.
local function bytes_of(n)
  local index = prefix .. 'index:' .. urn
  local bytes = {standard = 0, high = 0}
  if n > MAX or redis.call('ZCARD', index) ~= n then
    return {standard = -1, high = -1}
  end
  local members = redis.call('ZRANGE', index, 0, -1, 'WITHSCORES')
  for i = 1, #members, 2 do
    local band = members[i]:sub(1, 1) == '!' and 'high' or 'standard'
    bytes[band] = bytes[band] + members[i + 1] % INDEX_SPAN
  end
  return bytes
end

local function first_of(key)
  local entries = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)
  return entries[1] and entries[1][1] or ''
end

local function hot()
  local standard, high = prefix .. 'hot:' .. urn, prefix .. 'hot!:' .. urn
  local n, n_high = redis.call('XLEN', standard), redis.call('XLEN', high)
  local bytes = bytes_of(n + n_high)
  return {n, string.format('%d', bytes.standard), first_of(standard)},
    {n_high, string.format('%d', bytes.high), first_of(high)}
end

local standard, high = hot()
local online = redis.call('HLEN', prefix .. 'online:' .. urn)
return {
  string.format('%d', now_ms),
  redis.call('HGET', prefix .. 'waits', urn) or '',
  redis.call('HGET', prefix .. 'cold', urn) or '',
  redis.call('ZSCORE', prefix .. 'migrate', urn) or '',
  online, redis.call('GET', prefix .. 'seen:' .. urn) or '',
  redis.call('ZCARD', prefix .. 'sessions:' .. urn),
  standard, high,
  is_there(prefix .. 'ingress') and '1' or '0',
  (is_there(prefix .. 'hot:' .. urn) or is_there(prefix .. 'hot!:' .. urn))
    and '1' or '0',
  redis.call('HGET', prefix .. 'tries', entry) or '',
}
