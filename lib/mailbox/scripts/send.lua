-- send: accept envelopes for recipients of one or more partitions
-- (docs/architecture.md "Accepting").
--
-- KEYS     wp:{p}: of each partition, none of them twice
-- ARGV     run_id, high_mark, idem_hours, max_waiting, max_waiting_bytes,
--          is_full, for each partition how many items are for it, then the
--          items, those of one partition together:
--          urn, expires_in_ms, m, idem, digest
--          is_full is 1 when Redis is past its memory mark;
--          m as parts/unpack_entry.lua says, for this urn;
--          idem is the 16-byte idempotency field or "", digest 16 bytes
-- Result   {"ok", r1, … rn}       in the order of the items; each
--                                 {"ok", id} accepted now, {"dup", id}
--                                 accepted before, {"conflict"},
--                                 {"full"}: too much waits for the recipient,
--                                 {"overloaded"}: a mark is reached, Redis is
--                                 full, or the partition not reconciled
--                                 (docs/architecture.md
--                                 "After Redis lost its memory"),
--                                 {"error"}: nobody knows; something is wrong
--                                 with this one of several partitions
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
-- Bounds: n items, at most 100. Where a mailbox may be full: of its index what
-- has expired, once; all of it only to make good what a cut has left.
--
-- No first line with flags, unlike the other scripts: with one, a full Redis
-- (or one with a bad disk, or too few replicas) would refuse to begin, and
-- known keys would get no answer. Without it Redis refuses the first write.
local run_id, is_full = ARGV[1], ARGV[6] == '1'
local WORDS, BUCKET_HOURS = 5, 6

-- include clock

-- Idempotency lives in buckets of six hours that expire as a whole.
local function bucket_key(prefix, ahead)
  local bucket = math.floor(now_s / 3600 / BUCKET_HOURS) + ahead
  return prefix .. 'idem:' .. string.format('%d', bucket * BUCKET_HOURS)
end

local function remember(prefix, field, digest, id)
  local key = bucket_key(prefix, 0)
  redis.call('HSET', key, field, digest .. id)
  redis.call('EXPIRE', key, (ARGV[3] + 2 * BUCKET_HOURS) * 3600)
end

-- From the next bucket on: a key may be of before the clock went back.
local function known(prefix, field)
  for ahead = 1, -math.ceil(ARGV[3] / BUCKET_HOURS), -1 do
    local value = redis.call('HGET', bucket_key(prefix, ahead), field)
    if value then
      return value
    end
  end
  return nil
end

-- include last_id

-- include unpack_entry

-- What expires does not wait: look for that, and whether waits is right.
local function look_closely(prefix, urn, w, is_queue_empty)
  -- include index_score

  -- include index

  -- include index_exact

  -- include expired

  local key, hot_n = prefix .. 'index:' .. urn, hot_length(urn)
  local is_new = redis.pcall('ZCARD', key) ~= hot_n
  if is_new then
    index_rebuild(urn)
  end
  if is_queue_empty and (is_new or w.n ~= hot_n) then
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

local no_master -- what a server says that takes no writes, for it is none

-- A partition: what its keys say, and what this call has done there.
local function begin(prefix)
  local ingress, intent = prefix .. 'ingress', prefix .. 'intent'
  local left, length = redis.call('GET', intent), redis.call('XLEN', ingress)
  local p = {prefix = prefix, ingress = ingress, intent = intent, left = left,
    length = length, was_empty = length == 0, has_appended = false,
    is_open = redis.call('GET', prefix .. 'gate') == run_id,
    may_append = nil, last = nil, cut = nil}
  -- What a script that was cut off left behind, if it had come to its append.
  if left then
    p.last = last_id(ingress)
    if p.last ~= left:sub(33) then
      p.cut = {field = left:sub(1, 16), digest = left:sub(17, 32), id = p.last}
    end
  end
  return p
end

-- Do a write if something new may be appended. The first one tells whether
-- Redis refuses all of them; it must be harmless when nothing follows. It
-- settles what was cut.
local function write(p, ...)
  if p.may_append then
    redis.call(...)
    return true
  elseif p.may_append == false or is_full or not p.is_open then
    p.may_append = false
    return false
  end
  local answer = redis.pcall(...)
  p.may_append = type(answer) == 'number'
  if not p.may_append then
    if answer.err:find('^READONLY') then
      no_master = answer -- the caller is to leave this server
      error(answer)
    end
    return false
  end
  if p.cut then
    remember(p.prefix, p.cut.field, p.cut.digest, p.cut.id)
  end
  if p.left then
    redis.call('DEL', p.intent)
  end
  return true
end

-- include cold_record

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

-- include waits_of

-- Bytes of the envelope in an item.
local function size_of(at)
  return #ARGV[at + 2] - ENTRY_HEAD - #ARGV[at]
end

-- That of each recipient, by name.
local function recipients(prefix, at, n)
  local waits, cold = prefix .. 'waits', prefix .. 'cold'
  if n == 1 then
    local urn = ARGV[at]
    return {[urn] = waiting_for(waits_of(waits, 'HGET', urn),
      redis.call('HGET', cold, urn), 1, size_of(at))}
  end
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
  local w = waits_of(waits, 'HMGET', unpack(urns))
  local c = redis.call('HMGET', cold, unpack(urns))
  for i, urn in ipairs(urns) do
    waiting[urn] = waiting_for(w[i], c[i], more_n[urn], more_bytes[urn])
  end
  return waiting
end

-- Raise what waits for a user by all that the call has for it, before the first
-- of that is taken; false when nothing may be.
local function raise(p, urn, w)
  if not w.raised then
    local raised = w.n + w.more_n .. ' ' .. w.bytes + w.more_bytes
    if not write(p, 'HSET', p.prefix .. 'waits', urn, raised) then
      return false
    end
    w.raised = raised
  end
  return true
end

-- Not all of that was taken.
local function lower(p, waiting)
  for urn, w in pairs(waiting) do
    local text = w.raised and w.n .. ' ' .. w.bytes
    if text and text ~= w.raised then
      redis.call('HSET', p.prefix .. 'waits', urn, text)
    end
  end
end

-- Does one more message of this size go over what may wait for one user? Where
-- nothing may be written, nobody looks closely: that is overload.
local function is_over(p, urn, w, size)
  local max_waiting, max_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
  if w.n + w.rest_n < max_waiting and
    w.bytes + w.rest_bytes + size <= max_bytes then
    return false
  elseif not w.is_exact then
    if not write(p, 'SETRANGE', p.intent, 0, '') then
      return false
    end
    w.is_exact = true
    look_closely(p.prefix, urn, w, p.length == 0)
  end
  return w.n + w.rest_n >= max_waiting or
    w.bytes + w.rest_bytes + size > max_bytes
end

-- Take an item whose words in ARGV begin behind `at`; returns its id.
local function append(p, at, size, w)
  local field = ARGV[at + 3]
  w.n, w.bytes = w.n + 1, w.bytes + size
  if field ~= '' then
    p.last = p.last or last_id(p.ingress)
    redis.call('SET', p.intent, field .. ARGV[at + 4] .. p.last)
  end
  local id = redis.call('XADD', p.ingress, '*',
    'x', string.format('%d', now_ms + ARGV[at + 1]), 'm', ARGV[at + 2])
  if field ~= '' then
    remember(p.prefix, field, ARGV[at + 4], id)
    redis.call('DEL', p.intent)
  end
  p.last, p.length, p.has_appended = id, p.length + 1, true
  return id
end

local bells = {} -- worker -> its partitions that something new is in

-- The worker polls what it knows to be non-empty; ring only when it may sleep.
-- Entries that wait for another try keep ingress non-empty while it sleeps.
local function ring(p)
  if p.was_empty or redis.call('EXISTS', p.prefix .. 'tries') == 1 then
    local owner = redis.call('GET', p.prefix .. 'owner')
    if owner then
      local worker = owner:match(':(.*)$')
      bells[worker] = (bells[worker] and bells[worker] .. ',' or '') ..
        p.prefix:match('{(%d+)}')
    end
  end
end

local results = {'ok'}

-- The n items from the first on, all of one partition.
local function accept(prefix, first, n)
  local p, high_mark, first_item = begin(prefix), tonumber(ARGV[2]), 7 + #KEYS
  local refused, waiting = {}, recipients(prefix, first_item + first * WORDS, n)
  if p.left then
    write(p, 'SETRANGE', p.intent, 0, '')
  end
  for i = first, first + n - 1 do
    local at = first_item + i * WORDS
    local urn, size, field = ARGV[at], size_of(at), ARGV[at + 3]
    local w = waiting[urn]
    local seen = field ~= '' and
      (p.cut and p.cut.field == field and p.cut.digest .. p.cut.id or
        known(prefix, field))
    if seen then
      results[i + 2] = seen:sub(1, 16) == ARGV[at + 4] and
        {'dup', seen:sub(17)} or {'conflict'}
    elseif refused[urn] then
      results[i + 2] = {refused[urn]}
    elseif is_over(p, urn, w, size) then
      refused[urn] = 'full'
      results[i + 2] = {'full'}
    elseif p.length >= high_mark or not raise(p, urn, w) then
      refused[urn] = 'overloaded'
      results[i + 2] = {'overloaded'}
    else
      results[i + 2] = {'ok', append(p, at, size, w)}
    end
  end
  if p.has_appended then
    if n > 1 then
      lower(p, waiting)
    end
    ring(p)
  end
end

local first = 0
for k, prefix in ipairs(KEYS) do
  local n = tonumber(ARGV[6 + k])
  if #KEYS == 1 then
    accept(prefix, first, n)
  else
    pcall(accept, prefix, first, n)
  end
  if no_master then
    error(no_master)
  end
  for i = first + 2, first + n + 1 do
    results[i] = results[i] or {'error'}
  end
  first = first + n
end
for worker, partitions in pairs(bells) do
  redis.call('PUBLISH', 'wp:bell:' .. worker, partitions)
end
return results
