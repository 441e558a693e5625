#!lua
-- dlq_requeue: deliver a dead letter after all, under the id that its sender
-- was told (docs/operations.md "Requeueing").
--
-- KEYS[1]  wp:{p}:
-- ARGV     entry, max_entries, max_bytes
--          entry: its id in the dead-letter stream; the bounds are those of a
--          queue that may be rebuilt
-- Result   {"ok"}            it waits in the recipient's hot queue
--          {"gone"}          there is no such dead letter
--          {"expired"}       nobody would be shown it
--          {"absent"}        ephemeral, and the recipient is not online
--          {"broken", what}  it cannot be delivered as it is
--          {"long"}          the hot queue is over the bounds; later, perhaps
--          In all but the first case nothing has changed.
--
-- An id is a place in ingress, and ingress only goes forward. So the entry goes
-- where route would have put it. Where that queue has moved past the id, Redis
-- refuses to insert it: then the queue is written anew beside the old one, with
-- the entry in its place, and takes the old one's name in one step.
--
-- Invariants
--   - The entry leaves the dead letters only after it is in hot, and at once
--     then: while it is in both, an ack takes away only one of them.
--   - Who will have to be poked, migrated or swept is written down before hot
--     grows; a mark or poke without a message is harmless, the reverse is not.
--   - A rebuilt queue has the last id of the old one: route relies on it to
--     refuse what it has routed before.
-- Bounds: max_entries and max_bytes of a queue that is rebuilt, else one look.
-- Safe to repeat after a cut at any point: an id that is in hot is not added
-- again, and what a rebuild left behind is deleted by the next one.
--
-- No allow-oom: a rebuild needs room for a second copy, and a full Redis gets
-- that only by being drained.
local prefix, entry_id = KEYS[1], ARGV[1]
local max_entries, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local dlq, copy = prefix .. 'dlq', prefix .. 'rebuild'
local SLICE = 16

local entry = redis.call('XRANGE', dlq, entry_id, entry_id)[1]
if not entry then
  return {'gone'}
end

-- include fields_of

-- include last_id

-- include unpack_entry

local f = fields_of(entry)
-- "" stands for a field that the entry never had.
for _, name in ipairs({'id', 'u', 'b', 'x', 'e'}) do
  if (f[name] or '') == '' then
    return {'broken', 'it has no field ' .. name}
  end
end
local id, expires_ms = f.id, tonumber(f.x)
local is_high, is_ephemeral = f.b == '1', (f.f or ''):find('e', 1, true)
if not id:find('^%d+%-%d+$') then
  return {'broken', 'its id is none of a message'}
end
if not expires_ms then
  return {'broken', 'its expiry is no number'}
end
if #f.u > 255 then
  return {'broken', 'its recipient is nobody'}
end
local m = string.char(1, (is_high and 1 or 0) +
  (is_ephemeral and EPHEMERAL or 0), #f.u, 0) .. ('\0'):rep(8) .. f.u .. f.e

-- include clock
if expires_ms <= now_ms then
  return {'expired'}
end

local hot = prefix .. (is_high and 'hot!:' or 'hot:') .. f.u
local kind = redis.call('TYPE', hot).ok
if kind ~= 'none' and kind ~= 'stream' then
  return {'broken', 'the queue of its recipient is a ' .. kind}
end

local online, seen = {}, {} -- incarnations that hold a connection of the user
for _, conn in ipairs(redis.call('HKEYS', prefix .. 'online:' .. f.u)) do
  local inc = conn:match('^(.*)%.')
  if inc and not seen[inc] then
    seen[inc] = true
    online[#online + 1] = inc
  end
end
if #online == 0 and is_ephemeral then
  return {'absent'}
end

-- include is_above

-- include index_score

-- include index_add

-- include index

-- include waits_of

local function add_to(key)
  redis.call('XADD', key, id, 'x', string.format('%d', expires_ms), 'm', m)
end

-- Fill copy with all of hot and the entry; false when that is too much.
local function copy_with_entry(top)
  redis.call('DEL', copy)
  if redis.call('XLEN', hot) >= max_entries then
    return false
  end
  local from, bytes, is_in = '-', #f.e, false
  repeat
    local slice = redis.call('XRANGE', hot, from, '+', 'COUNT', SLICE)
    for _, other in ipairs(slice) do
      from = '(' .. other[1]
      local _, size = unpack_entry(other[2])
      bytes = bytes + (size or #other[2][2])
      if bytes > max_bytes then
        redis.call('DEL', copy)
        return false
      end
      if not is_in and is_above(other[1], id) then
        add_to(copy)
        is_in = true
      end
      redis.call('XADD', copy, other[1], unpack(other[2]))
    end
  until #slice < SLICE
  if not is_in then
    add_to(copy)
  end
  redis.call('XSETID', copy, top)
  return true
end

local is_there = #redis.call('XRANGE', hot, id, id) > 0
local top = kind == 'stream' and last_id(hot)
local has_moved_on = not is_there and top and not is_above(id, top)
if has_moved_on and not copy_with_entry(top) then
  return {'long'}
end

for _, inc in ipairs(online) do
  redis.call('SADD', prefix .. 'due:' .. inc, f.u)
end
if #online == 0 then
  redis.call('ZADD', prefix .. 'migrate', 'NX', string.format('%d', now_ms),
    f.u)
end
redis.call('ZADD', prefix .. 'expiry', 'LT', string.format('%d', expires_ms),
  f.u)
local member = (is_high and '!' or '') .. id
if type(redis.pcall('ZSCORE', prefix .. 'index:' .. f.u, member)) ~= 'string'
then
  local text = waits_of(prefix .. 'waits', 'HGET', f.u) or '0 0'
  local n, bytes = text:match('^(%d+) (%d+)$')
  redis.call('HSET', prefix .. 'waits', f.u, string.format('%d %d', n + 1,
    bytes + #f.e))
end
index_add(f.u, member, expires_ms, #f.e)
if has_moved_on then
  redis.call('RENAME', copy, hot)
elseif not is_there then
  add_to(hot)
end
redis.call('XDEL', dlq, entry_id)
for _, inc in ipairs(online) do
  redis.call('PUBLISH', 'wp:poke:' .. inc, 'p ' .. f.u)
end
return {'ok'}
