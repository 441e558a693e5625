#!lua flags=allow-oom
-- ack: step A1 of deleting messages (docs/architecture.md "Acknowledging").
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, urn, n, n ids of the standard band, ids of the high band;
--          those of a band in their order, oldest first
-- Result   {gate, hint, deleted, now_ms}: gate 1 when the hint can be believed;
--          hint is the user's record in cold, "" when no cold rows can exist
--          (with gate 1); deleted: how many were in hot
--
-- Invariants
--   - The hint is read after the deletion, in the same instant: a copy that a
--     migrator took before saw the ids and had set the hint; one taken after
--     does not contain them.
--   - A route call that was cut off may have left an id in ingress that is in
--     hot, or already in cold, as well; it goes too, or it would come back
--     after the 204. The entry's recipient and band are compared first: an id
--     alone gives nobody power over the messages of others.
--   - Who was told by a push, and has nothing left now, is looked at soon.
-- Bounds: the ids, of which an ack has at most 1,000; one look each.
local prefix, urn, n_standard = KEYS[1], ARGV[2], tonumber(ARGV[3])
local FIRST, CHUNK = 4, 500
local n, first_high = #ARGV - FIRST + 1, FIRST + n_standard
local standard, high = prefix .. 'hot:' .. urn, prefix .. 'hot!:' .. urn
local ingress, waits = prefix .. 'ingress', prefix .. 'waits'
local is_routing = redis.call('XLEN', ingress) > 0
local standard_n = redis.call('XLEN', standard)
local high_n = redis.call('XLEN', high)
local hot_n = standard_n + high_n

-- As many are named as are in hot: are they those? The index knows, where it
-- has as many entries: then it has the same.
local function are_all()
  local index, named = prefix .. 'index:' .. urn, {}
  if redis.pcall('ZCARD', index) ~= n then
    return false
  end
  for i = FIRST, first_high - 1 do
    named[ARGV[i]] = true
  end
  for i = first_high, #ARGV do
    named['!' .. ARGV[i]] = true
  end
  for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if not named[member] then
      return false
    end
  end
  return true
end

-- Each by itself, and of ingress as well; returns how many were in hot.
local function delete_each(is_whole)
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

  -- What is in ingress is mostly newer than all that somebody has seen: one
  -- look tells, and from where on the others are worth one each.
  local function delete_all_accepted(band, first, last)
    local entry = first <= last and
      redis.call('XRANGE', ingress, ARGV[first], ARGV[last], 'COUNT', 1)[1]
    while entry and last >= first and not is_above(entry[1], ARGV[last]) do
      delete_accepted(ARGV[last], band)
      last = last - 1
    end
  end

  -- Those of one band in hot, which has so many; returns how many are left.
  local function delete(key, left, first, last)
    for i = first, left > 0 and last or 0, CHUNK do
      left = left - redis.call('XDEL', key,
        unpack(ARGV, i, math.min(i + CHUNK - 1, last)))
    end
    if left == 0 and first <= last then
      redis.call('DEL', key)
    end
    return left
  end

  -- Ingress first: a cut between the two must not leave only that copy.
  if is_routing then
    delete_all_accepted(0, FIRST, first_high - 1)
    delete_all_accepted(1, first_high, #ARGV)
  end
  local left = 0
  if is_whole then
    redis.call('DEL', standard, high)
  else
    left = delete(standard, standard_n, FIRST, first_high - 1) +
      delete(high, high_n, first_high, #ARGV)
  end
  if left == 0 then
    index_forget(urn, hot_n)
  else
    index_remove(urn, '', ARGV, FIRST, first_high - 1)
    index_remove(urn, '!', ARGV, first_high, #ARGV)
  end
  if is_routing then
    index_settle()
  else
    index_settle(true)
  end
  if left == 0 then
    redis.call('ZREM', prefix .. 'expiry', urn)
  end
  return hot_n - left
end

-- All at once costs a fraction, and with ingress empty nothing waits after it.
local is_whole, deleted = n == hot_n and n > 0 and are_all(), n
if is_whole and not is_routing then
  redis.call('DEL', standard, high, prefix .. 'index:' .. urn)
  redis.call('ZREM', prefix .. 'expiry', urn)
  if type(redis.pcall('HDEL', waits, urn, '!' .. urn)) ~= 'number' then
    redis.call('DEL', waits) -- a foreign key
  end
else
  deleted = delete_each(is_whole)
end

-- Without ids somebody only asks whether there is a hint.
if n > 0 then
  -- include settle

  push_settle(urn, true)
end

-- include clock

return {redis.call('GET', prefix .. 'gate') == ARGV[1] and 1 or 0,
  redis.call('HGET', prefix .. 'cold', urn) or '', deleted, now_ms}
