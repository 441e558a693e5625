#!lua flags=allow-oom
-- ack: step A1 of deleting messages (docs/architecture.md "Acknowledging").
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, urn, n, n ids of the standard band, ids of the high band;
--          those of a band in their order, oldest first
-- Result   {gate, hint, deleted}: gate 1 when the hint can be believed; hint is
--          the user's record in cold, "" when no cold rows can exist (with gate
--          1)
--
-- Invariants
--   - The hint is read after the deletion, in the same instant: a copy that a
--     migrator took before saw the ids and had set the hint; one taken after
--     does not contain them.
--   - A route call that was cut off may have left an id in ingress that is in
--     hot, or already in cold, as well; it goes too, or it would come back
--     after the 204. The entry's recipient and band are compared first: an id
--     alone gives nobody power over the messages of others.
-- Bounds: the ids, of which an ack has at most 1,000; one look each.
local prefix, run_id, urn = KEYS[1], ARGV[1], ARGV[2]
local n = tonumber(ARGV[3])
local high, standard = prefix .. 'hot!:' .. urn, prefix .. 'hot:' .. urn
local ingress = prefix .. 'ingress'
local CHUNK = 500
local is_routing = redis.call('XLEN', ingress) > 0
local deleted = 0

-- include index_score

-- include index

-- include unpack_entry

-- include is_above

local function delete_accepted(id, band)
  local entry = redis.call('XRANGE', ingress, id, id)[1]
  if not entry then
    return
  end
  local _, size, bits, length = unpack_entry(entry[2])
  if bits and bits % 2 == band and
    entry[2][4]:sub(ENTRY_HEAD + 1, ENTRY_HEAD + length) == urn then
    redis.call('HDEL', prefix .. 'tries', id)
    redis.call('XDEL', ingress, id)
    index_lose(urn, (band == 1 and '!' or '') .. id, size)
  end
end

-- What is in ingress is mostly newer than all that somebody has seen: one look
-- tells, and from where on the others are worth one each.
local function delete_all_accepted(band, first, last)
  local entry =
    redis.call('XRANGE', ingress, ARGV[first], ARGV[last], 'COUNT', 1)[1]
  while entry and last >= first and not is_above(entry[1], ARGV[last]) do
    delete_accepted(ARGV[last], band)
    last = last - 1
  end
end

-- How many are left in hot.
local function delete(key, band, first, last)
  -- Ingress first: a cut between the two must not leave only that copy.
  if first <= last and is_routing then
    delete_all_accepted(band, first, last)
  end
  local left = redis.call('XLEN', key)
  if first > last then
    return left
  end
  for i = first, left > 0 and last or 0, CHUNK do
    local n =
      redis.call('XDEL', key, unpack(ARGV, i, math.min(i + CHUNK - 1, last)))
    deleted, left = deleted + n, left - n
  end
  if left == 0 then
    redis.call('DEL', key)
  end
  return left
end

local left = delete(standard, 0, 4, 3 + n) + delete(high, 1, 4 + n, #ARGV)
if left == 0 then
  redis.call('ZREM', prefix .. 'expiry', urn)
  index_forget(urn, deleted)
else
  index_remove(urn, '', ARGV, 4, 3 + n)
  index_remove(urn, '!', ARGV, 4 + n, #ARGV)
end
if is_routing then
  index_settle()
else
  index_settle(true)
end

return {redis.call('GET', prefix .. 'gate') == run_id and 1 or 0,
  redis.call('HGET', prefix .. 'cold', urn) or '', deleted}
