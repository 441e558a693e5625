#!lua flags=allow-oom
-- audit: repair what should never be. Nothing here is on a message's way; it
-- finds what a bug, an operator or a Redis that lost its last second left.
--
-- KEYS[1]  wp:{p}:
-- ARGV     kind, name, chunk, seen_ttl_seconds, run_id, push
--          kind "user": name is a urn; "told": the same, unless a look tells
--          that he was told of all; "incarnation": name is one; "push": what a
--          partition has of no single user for pushes, name is not used
--          push: "<grace_ms>,<inactive_ms>" (parts/push_rules.lua), or "-"
-- Result   {more, connections, marks, expiries, streams, incarnations, pushes}
--          more 1 when the call should be repeated; the others: repairs made
--
-- What is repaired
--   - a connection whose incarnation is not in live: removed, as disconnect
--     would; nobody else would ever remove it
--   - a user with something in hot and no connection: marked for migration
--   - a user with something in hot: noted in expiry, as due, so that a sweep
--     finds the right time
--   - an empty hot queue: deleted
--   - an index that has not the length of hot, or a number of waiting messages
--     that is not the length of hot though ingress is empty: made anew; a cut
--     can leave one, so this is no repair that is told. Nor is that of a wrong
--     number of their bytes, which is looked for while they are few
--   - at: and due: of an incarnation that is not in live: its users are taken
--     offline as by reap, then they go
--   - an absent user with something that waits, of which he is to be told, and
--     no entry in pushdue: noted there
--   - an entry in pushdue of somebody for whom nothing waits, and who was never
--     told: removed, which is no repair; nobody else would as long as nobody
--     takes entries. Nor is it one that the stream goes that was in the place
--     of pushdue once
--
-- Needs no owner: everything is judged and mended in one instant, and true
-- whoever does it.
-- Bounds: chunk connections, or entries of pushdue; of the index of a user
-- 1,000 entries; the queues only when it has to be made anew, and then as much
-- as may wait for one; of who leaves those of one look into hot.
-- Safe to repeat after a cut at any point: whatever is still wrong is found by
-- the next call.
local prefix, kind, name = KEYS[1], ARGV[1], ARGV[2]
local chunk, seen_ttl = tonumber(ARGV[3]), ARGV[4]
local run_id, push = ARGV[5], ARGV[6]
local live = prefix .. 'live'
local SUMMED_UP_MAX = 1000
local connections, marks, expiries, streams, incarnations = 0, 0, 0, 0, 0
local pushes = 0

-- include push_nobody

-- Before all functions are made, which costs more: of whomever a push was asked
-- for in a month there is a key.
if kind == 'told' then
  local known = redis.call('GET', prefix .. 'notified:' .. name)
  if not known or known == PUSH_NOBODY or
    redis.call('ZSCORE', prefix .. 'pushdue', name) or
    redis.call('HGET', prefix .. 'pushed:' .. name, 'id') == known then
    return {0, 0, 0, 0, 0, 0, 0}
  end
  kind = 'user'
end

-- include clock
local now_text = string.format('%d', now_ms)

-- include index_score

-- include index

-- include unpack_entry

-- include index_exact

-- include push_rules

-- include is_above

-- include highest_waiting

-- include notify

-- include push_departed

-- include index_live

-- include cold_record

-- include push_waiting

-- Returns whether the user is online, and the connections that were removed.
local function drop_dead_connections(urn)
  local online, dropped, is_online = prefix .. 'online:' .. urn, {}, false
  for _, conn in ipairs(redis.call('HKEYS', online)) do
    local inc = conn:match('^(.*)%.') or conn
    if redis.call('HEXISTS', live, inc) == 0 then
      dropped[conn] = inc
    else
      is_online = true
    end
  end
  -- First, or a cut would leave nothing that tells that somebody has left.
  if next(dropped) and not is_online and push_grace_ms then
    push_departed(urn, now_ms + push_grace_ms)
  end
  for conn in pairs(dropped) do
    redis.call('HDEL', online, conn)
    connections = connections + 1
  end
  if next(dropped) and not is_online then
    redis.call('SET', prefix .. 'seen:' .. urn, now_s, 'EX', seen_ttl)
  end
  return is_online, dropped
end

-- Whoever is away and was to be told has an entry, until he was.
local function check_push(urn)
  local known = redis.call('GET', prefix .. 'notified:' .. urn)
  if not known or known == PUSH_NOBODY or
    redis.call('ZSCORE', prefix .. 'pushdue', urn) then
    return
  end
  local id = redis.call('HGET', prefix .. 'pushed:' .. urn, 'id') or '0-0'
  if is_above(known, id) and push_waiting(urn) > 0 then
    pushes = pushes + redis.call('ZADD', prefix .. 'pushdue', 'NX', now_text,
      urn)
  end
end

-- Of those who have an entry, some.
local function drop_idle_pushes()
  redis.call('DEL', prefix .. 'push')
  if redis.call('GET', prefix .. 'gate') ~= run_id then
    return -- then nobody knows what waits
  end
  local pushdue = prefix .. 'pushdue'
  for _, urn in ipairs(redis.call('ZRANDMEMBER', pushdue, chunk)) do
    if redis.call('EXISTS', prefix .. 'pushed:' .. urn) == 0 and
      push_waiting(urn) == 0 then
      redis.call('SREM', prefix .. 'pushhigh', urn)
      redis.call('ZREM', pushdue, urn)
    end
  end
end

local function has_hot(urn)
  local found, n = false, 0
  for _, key in ipairs({prefix .. 'hot:' .. urn, prefix .. 'hot!:' .. urn}) do
    if redis.call('TYPE', key).ok == 'stream' then
      local waiting = redis.call('XLEN', key)
      if waiting > 0 then
        found, n = true, n + waiting
      else
        redis.call('DEL', key)
        streams = streams + 1
      end
    end
  end
  if not found then
    index_forget(urn, 0)
  elseif redis.pcall('ZCARD', prefix .. 'index:' .. urn) ~= n then
    index_rebuild(urn)
    index_check(urn, true)
  else
    index_check(urn, n <= SUMMED_UP_MAX)
  end
  return found
end

local function audit_user(urn)
  local is_online, dropped = drop_dead_connections(urn)
  if has_hot(urn) then
    if not is_online then
      marks = marks +
        redis.call('ZADD', prefix .. 'migrate', 'NX', now_text, urn)
    end
    expiries = expiries +
      redis.call('ZADD', prefix .. 'expiry', 'NX', now_text, urn)
  end
  if push_grace_ms and not is_online then
    check_push(urn)
  end
  -- Last, as in reap: until then at: brings somebody back here.
  for conn, inc in pairs(dropped) do
    redis.call('SREM', prefix .. 'at:' .. inc, conn .. ' ' .. urn)
  end
end

-- Returns true when connections are left for another call.
local function audit_incarnation(inc)
  if redis.call('HEXISTS', live, inc) == 1 then
    return false
  end
  local at, due = prefix .. 'at:' .. inc, prefix .. 'due:' .. inc
  for _, member in ipairs(redis.call('SRANDMEMBER', at, chunk)) do
    local urn = member:match('^%S+ (.+)$')
    if urn then
      audit_user(urn)
    end
    redis.call('SREM', at, member)
  end
  if redis.call('EXISTS', at) == 1 then
    return true
  end
  incarnations = redis.call('DEL', due)
  return false
end

local more = false
if kind == 'user' then
  audit_user(name)
elseif kind == 'push' then
  drop_idle_pushes()
else
  local had = redis.call('EXISTS', prefix .. 'at:' .. name)
  more = audit_incarnation(name)
  if had == 1 and not more and redis.call('HEXISTS', live, name) == 0 then
    incarnations = 1
  end
end
index_settle()
return {more and 1 or 0, connections, marks, expiries, streams, incarnations,
  pushes}
