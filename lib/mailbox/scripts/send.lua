-- send: accept envelopes for recipients of one or more partitions
-- (docs/architecture.md "Accepting").
--
-- KEYS     wp:{p}: of each partition, none of them twice
-- ARGV     run_id, high_mark, idem_hours, max_waiting, max_waiting_bytes,
--          is_full, for each partition how many items are for it, then the
--          items, those of one partition together:
--          urn, expires_in_ms, m, key
--          is_full is 1 when Redis is past its memory mark;
--          m as parts/unpack_entry.lua says, for this urn;
--          key is "", or idempotency field and digest, 16 bytes each
-- Result   "r1 … rn", a word for each item, in their order; a table would cost
--          Redis as much as a command does:
--            an id         accepted now
--            "=" .. an id  accepted before, with this key
--            "conflict"
--            "full"        too much waits for the recipient
--            "overloaded"  a mark is reached, Redis is full, or the partition
--                          not reconciled (docs/architecture.md
--                          "After Redis lost its memory")
--            "error"       nobody knows; something is wrong with this one of
--                          several partitions
--
-- Invariants
--   - Ids of one partition only ever rise; order of acceptance is id order.
--   - A known key comes before all other verdicts: what was accepted is never
--     called refused, however full Redis has become since.
--   - One idempotency field, one message: while an append with a key is under
--     way `intent` says so. A script that was cut off half-way leaves it; every
--     send knows what it stands for, and settles it before it appends. No other
--     append can lie between, so the stream's last id tells whether the append
--     happened and under which id.
--   - Once an item for a recipient fails, later ones for it fail alike.
--   - What waits for a user is what is in ingress and hot (waits) and in cold
--     (cold). waits is raised before an entry is in ingress and lowered after
--     it has left hot or ingress for good, so a cut leaves it too high rather
--     than too low. cold holds what the cold store said of a version.
--   - What has expired counts for nobody: in hot at once, in cold when all of
--     it has, else until the sweep.
--   - Partitions have nothing in common: what is wrong with one decides over no
--     item of another.
--
-- What a call makes anew costs Redis: functions most of all, the more the more
-- names of the script they use. So what is alone in its partition, has no key
-- and meets no limit goes a short way, straight on; the functions of the long
-- way are made by the first that needs them.
--
-- Bounds: n items, at most 100. Where a mailbox may be full: of its index what
-- has expired, once; all of it only to make good what a cut has left.
--
-- No first line with flags, unlike the other scripts: with one, a full Redis
-- (or one with a bad disk, or too few replicas) would refuse to begin, and
-- known keys would get no answer. Without it Redis refuses the first write.
local WORDS = 4
local max_waiting, max_bytes = ARGV[4] + 0, ARGV[5] + 0
local results = {}

-- include clock

-- include entry_head

-- include cold_record

-- Take a single item without a key for which there is room everywhere; its
-- words in ARGV begin at `at`. Nil when it was not taken: the long way tells
-- why, or takes it.
local function take_short_way(prefix, at)
  local urn, m, waits = ARGV[at], ARGV[at + 2], prefix .. 'waits'
  local waiting = redis.pcall('HGET', waits, urn)
  local record = redis.call('HGET', prefix .. 'cold', urn)
  local n, bytes, rest_n, rest_bytes, _ = 0, 0, 0, 0, nil
  if type(waiting) == 'string' then
    n, bytes = waiting:match('^(%d+) (%d+)$')
  elseif waiting then
    return nil -- a foreign key
  end
  if record then
    _, _, _, rest_n, rest_bytes = record:match(COLD_RECORD)
  end
  bytes = bytes + #m - ENTRY_HEAD - #urn
  if n + (rest_n or 0) >= max_waiting or
    bytes + (rest_bytes or 0) > max_bytes then
    return nil
  end
  local raised = redis.pcall('HSET', waits, urn,
    string.format('%d %d', n + 1, bytes))
  return type(raised) == 'number' and redis.call('XADD', prefix .. 'ingress',
    '*', 'x', string.format('%d', now_ms + ARGV[at + 1]), 'm', m) or nil
end

-- The long way: {begin and accept, functions; no_master, what a server says
-- that takes no writes, for it is none}.
local function make_long_way()
  local FIELD_BYTES, KEY_BYTES, BUCKET_HOURS = 16, 32, 6
  -- The partition whose turn it is: what its keys say, what was done there.
  local prefix, ingress, intent, left, length, may_append, last, cut
  local way = {}

  -- include last_id

  -- include waits_of

  -- Idempotency lives in buckets of six hours that expire as a whole.
  local function bucket_key(ahead)
    local bucket = math.floor(now_s / 3600 / BUCKET_HOURS) + ahead
    return prefix .. 'idem:' .. string.format('%d', bucket * BUCKET_HOURS)
  end

  local function remember(key, id)
    local bucket = bucket_key(0)
    redis.call('HSET', bucket, key:sub(1, FIELD_BYTES),
      key:sub(FIELD_BYTES + 1) .. id)
    redis.call('EXPIRE', bucket, (ARGV[3] + 2 * BUCKET_HOURS) * 3600)
  end

  -- From the next bucket on: a key may be of before the clock went back.
  local function known(field)
    for ahead = 1, -math.ceil(ARGV[3] / BUCKET_HOURS), -1 do
      local value = redis.call('HGET', bucket_key(ahead), field)
      if value then
        return value
      end
    end
    return nil
  end

  -- What became of an item with this key before; nil when it is new.
  local function verdict(key)
    local field, digest = key:sub(1, FIELD_BYTES), key:sub(FIELD_BYTES + 1)
    local value = cut and cut.key:sub(1, FIELD_BYTES) == field and
      cut.key:sub(FIELD_BYTES + 1) .. cut.id or known(field)
    if value and value:sub(1, FIELD_BYTES) == digest then
      return '=' .. value:sub(FIELD_BYTES + 1)
    end
    return value and 'conflict'
  end

  -- What expires does not wait: look for that, and whether waits is right.
  local function look_closely(urn, w)
    -- include unpack_entry

    -- include index_score

    -- include index

    -- include index_exact

    -- include expired

    local key, hot_n = prefix .. 'index:' .. urn, hot_length(urn)
    local is_new = redis.pcall('ZCARD', key) ~= hot_n
    if is_new then
      index_rebuild(urn)
    end
    if length == 0 and (is_new or w.n ~= hot_n) then
      w.n, w.bytes = hot_n, bytes_between(key, 0, hot_n)
      redis.call('HSET', prefix .. 'waits', urn, w.n .. ' ' .. w.bytes)
    end
    local last_ms = tonumber(w.rest_last)
    if last_ms and last_ms <= now_ms then
      w.rest_n, w.rest_bytes = 0, 0
    end
    local n, bytes = expired_in(urn, now_ms)
    w.rest_n, w.rest_bytes = w.rest_n - n, w.rest_bytes - bytes
  end

  -- Go on from what was seen of a partition; has_old: it may have an intent.
  function way.begin(of, has_old, n, is_open)
    prefix, ingress, intent, length = of, of .. 'ingress', of .. 'intent', n
    last, cut, may_append = nil, nil, nil -- Redis is yet to allow it
    if not is_open then
      may_append = false
    end
    left = has_old and redis.call('GET', intent)
    -- What a script that was cut off left, if it had come to its append.
    if left then
      last = last_id(ingress)
      if last ~= left:sub(KEY_BYTES + 1) then
        cut = {key = left:sub(1, KEY_BYTES), id = last}
      end
    end
  end

  -- Do a write if something new may be appended. The first one tells whether
  -- Redis refuses all of them; it must be harmless when nothing follows. It
  -- settles what was cut.
  local function write(...)
    if may_append ~= nil then
      return may_append and redis.call(...) ~= nil
    end
    local answer = redis.pcall(...)
    may_append = type(answer) == 'number'
    if not may_append then
      if answer.err:find('^READONLY') then
        way.no_master = answer -- the caller is to leave this server
        error(answer)
      end
      return false
    end
    if cut then
      remember(cut.key, cut.id)
    end
    if left then
      redis.call('DEL', intent)
    end
    return true
  end

  -- What waits for a user: n and bytes by waits; beyond that, by the record of
  -- cold, rest. more_n and more_bytes are what the call has for this user.
  local function waiting_for(waits, record, more_n, more_bytes)
    local n, bytes, rest_n, rest_bytes, rest_last, _ = 0, 0, 0, 0, '-', nil
    if waits then
      n, bytes = waits:match('^(%d+) (%d+)$')
    end
    if record then
      _, rest_last, _, rest_n, rest_bytes = record:match(COLD_RECORD)
    end
    return {n = tonumber(n), bytes = tonumber(bytes),
      rest_n = tonumber(rest_n or 0), rest_bytes = tonumber(rest_bytes or 0),
      rest_last = rest_last, more_n = more_n, more_bytes = more_bytes,
      raised = nil}
  end

  -- Bytes of the envelope in an item.
  local function size_of(at)
    return #ARGV[at + 2] - ENTRY_HEAD - #ARGV[at]
  end

  -- That of each recipient of n items, by name.
  local function recipients(at, n)
    local urns, more_n, more_bytes = {}, {}, {}
    for i = at, at + WORDS * (n - 1), WORDS do
      local urn = ARGV[i]
      if not more_n[urn] then
        urns[#urns + 1] = urn
      end
      more_n[urn] = (more_n[urn] or 0) + 1
      more_bytes[urn] = (more_bytes[urn] or 0) + size_of(i)
    end
    local waiting = {}
    local w = waits_of(prefix .. 'waits', 'HMGET', unpack(urns))
    local c = redis.call('HMGET', prefix .. 'cold', unpack(urns))
    for i, urn in ipairs(urns) do
      waiting[urn] = waiting_for(w[i], c[i], more_n[urn], more_bytes[urn])
    end
    return waiting
  end

  -- Raise what waits for a user by all that the call has for it, before the
  -- first of that is taken; false when nothing may be.
  local function raise(urn, w)
    if not w.raised then
      local raised =
        string.format('%d %d', w.n + w.more_n, w.bytes + w.more_bytes)
      if not write('HSET', prefix .. 'waits', urn, raised) then
        return false
      end
      w.raised = raised
    end
    return true
  end

  -- Not all of that was taken.
  local function lower(waiting)
    for urn, w in pairs(waiting) do
      local text = w.raised and string.format('%d %d', w.n, w.bytes)
      if text and text ~= w.raised then
        redis.call('HSET', prefix .. 'waits', urn, text)
      end
    end
  end

  -- Does one more message of this size go over what may wait for one user?
  -- Where nothing may be written, nobody looks closely: that is overload.
  local function is_over(urn, w, size)
    if w.n + w.rest_n < max_waiting and
      w.bytes + w.rest_bytes + size <= max_bytes then
      return false
    elseif not w.is_exact then
      if not write('SETRANGE', intent, 0, '') then
        return false
      end
      w.is_exact = true
      look_closely(urn, w)
    end
    return w.n + w.rest_n >= max_waiting or
      w.bytes + w.rest_bytes + size > max_bytes
  end

  local lifetime, expires -- of the last item; mostly all are alike

  local function append(at, key)
    if ARGV[at + 1] ~= lifetime then
      lifetime = ARGV[at + 1]
      expires = string.format('%d', now_ms + lifetime)
    end
    if key ~= '' then
      last = last or last_id(ingress)
      redis.call('SET', intent, key .. last)
    end
    last = redis.call('XADD', ingress, '*', 'x', expires, 'm', ARGV[at + 2])
    if key ~= '' then
      remember(key, last)
      redis.call('DEL', intent)
    end
    length = length + 1
    return last
  end

  -- The n items whose words begin at `at`. True when something was appended.
  function way.accept(at, first, n)
    local waiting, has_appended = recipients(at, n), false
    if left then
      write('SETRANGE', intent, 0, '')
    end
    for i = first + 1, first + n do
      local urn, size, key = ARGV[at], size_of(at), ARGV[at + 3]
      local w = waiting[urn]
      local result = key ~= '' and verdict(key) or w.refused
      if not result then
        if is_over(urn, w, size) then
          w.refused = 'full'
        elseif length >= ARGV[2] + 0 or not raise(urn, w) then
          w.refused = 'overloaded'
        else
          w.n, w.bytes = w.n + 1, w.bytes + size
          result, has_appended = append(at, key), true
        end
      end
      results[i], at = result or w.refused, at + WORDS
    end
    if has_appended then
      lower(waiting)
    end
    return has_appended
  end

  return way
end

local long_way = nil
local bells = nil -- worker -> its partitions that something new is in

-- The n items from the first on, all of one partition. The worker polls what it
-- knows to be non-empty; ring only when it may sleep. Entries that wait for
-- another try keep ingress non-empty while it sleeps.
local function accept(prefix, first, n)
  local at, id = 7 + #KEYS + first * WORDS, nil
  local old = redis.call('EXISTS', prefix .. 'intent', prefix .. 'tries')
  local length = redis.call('XLEN', prefix .. 'ingress')
  local is_open = redis.call('GET', prefix .. 'gate') == ARGV[1] and
    ARGV[6] ~= '1'
  if n == 1 and ARGV[at + 3] == '' and old == 0 and is_open and
    length < ARGV[2] + 0 then
    id = take_short_way(prefix, at)
    results[first + 1] = id
  end
  if not id then
    long_way = long_way or make_long_way()
    long_way.begin(prefix, old > 0, length, is_open)
    if not long_way.accept(at, first, n) then
      return
    end
  end
  local owner = (length == 0 or old > 0) and
    redis.call('GET', prefix .. 'owner')
  if owner then
    local worker, number = owner:match(':(.*)$'), prefix:match('{(%d+)}')
    bells = bells or {}
    bells[worker] = bells[worker] and bells[worker] .. ',' .. number or number
  end
end

local first = 0
for k, prefix in ipairs(KEYS) do
  local n = ARGV[6 + k] + 0
  if #KEYS == 1 then
    accept(prefix, first, n)
  elseif not pcall(accept, prefix, first, n) then
    if long_way and long_way.no_master then
      error(long_way.no_master)
    end
    for i = first + 1, first + n do
      results[i] = results[i] or 'error'
    end
  end
  first = first + n
end
for worker, partitions in pairs(bells or {}) do
  redis.call('PUBLISH', 'wp:bell:' .. worker, partitions)
end
return table.concat(results, ' ')
