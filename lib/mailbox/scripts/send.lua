-- send: accept envelopes for recipients of one or more partitions
-- (docs/architecture.md "Accepting").
--
-- KEYS     wp:{p}: of each partition, none of them twice
-- ARGV     run_id, high_mark, idem_hours, max_waiting, max_waiting_bytes,
--          max_envelope, is_full, for each partition how many items are for
--          it, then the items, those of one partition together:
--          urn, band, flags, expires_in_ms, trace, envelope, idem, digest
--          is_full is 1 when Redis is past its memory mark;
--          band is 0 (standard) or 1 (high); flags is "e" for ephemeral or "";
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
--   - What waits for a user is what is in ingress (inq), in hot (index,
--     hotsize) and in cold (coldsize). None of these is a counter that could
--     drift: inq is forgotten whenever ingress is empty, hotsize is believed
--     only while it has the length of hot, coldsize holds what the cold store
--     said of a version. A cut leaves inq a little off until then.
--   - What has expired counts for nobody: in hot at once, in cold when all of
--     it has (coldlast), else until the sweep.
--   - Partitions have nothing in common: what is wrong with one decides over no
--     item of another.
--
-- Bounds: n items, at most 100. Where a mailbox may be full, its index: all of
-- it when that was not known before, later what has expired since.
--
-- No first line with flags, unlike the other scripts: with one, a full Redis
-- (or one with a bad disk, or too few replicas) would refuse to begin, and
-- known keys would get no answer. Without it Redis refuses the first write.
local run_id, high_mark = ARGV[1], tonumber(ARGV[2])
local idem_hours = tonumber(ARGV[3])
local max_waiting, max_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local max_envelope, is_full = tonumber(ARGV[6]), ARGV[7] == '1'

-- include clock

-- Idempotency lives in buckets of six hours that expire as a whole.
local BUCKET_HOURS = 6
local bucket = math.floor(now_s / 3600 / BUCKET_HOURS)
local oldest = bucket - math.ceil(idem_hours / BUCKET_HOURS)
local bucket_ttl = (idem_hours + 2 * BUCKET_HOURS) * 3600

-- include last_id

-- include index_score

local results = {'ok'}
local first_item = 8 + #KEYS
local no_master -- what a server says that takes no writes, for it is none

-- The n items from the first on, all of one partition.
local function accept(prefix, first, n)
  local ingress, intent = prefix .. 'ingress', prefix .. 'intent'
  local inq = prefix .. 'inq'

  local function bucket_key(b)
    return prefix .. 'idem:' .. string.format('%d', b * BUCKET_HOURS)
  end

  local function remember(field, digest, id)
    local key = bucket_key(bucket)
    redis.call('HSET', key, field, digest .. id)
    redis.call('EXPIRE', key, bucket_ttl)
  end

  -- What a script that was cut off left behind, if it had come to its append.
  local left = redis.call('GET', intent)
  local cut
  if left and last_id(ingress) ~= left:sub(33) then
    cut = {field = left:sub(1, 16), digest = left:sub(17, 32),
      id = last_id(ingress)}
  end

  -- From the next bucket on: a key may be of before the clock went back.
  local function known(field)
    if cut and cut.field == field then
      return cut.digest .. cut.id
    end
    for b = bucket + 1, oldest, -1 do
      local value = redis.call('HGET', bucket_key(b), field)
      if value then
        return value
      end
    end
    return nil
  end

  -- Foreign keys are route's business, it dead-letters what meets one.
  local function ask_number(...)
    local answer = redis.pcall(...)
    return type(answer) == 'number' and answer or 0
  end

  -- include index

  -- include index_exact

  -- Bytes of the entries from one rank of an index up to another.
  local function bytes_between(key, from, to)
    local bytes = 0
    for i = from, to - 1, 500 do
      local slice = redis.call('ZRANGE', key, i, math.min(i + 499, to - 1),
        'WITHSCORES')
      for k = 2, #slice, 2 do
        bytes = bytes + tonumber(slice[k]) % INDEX_SPAN
      end
    end
    return bytes
  end

  -- How many entries of hot have not expired, and their bytes. Each one that
  -- expires is looked at once; all of them when hotsize does not say.
  local function measure(urn, n)
    local key, alive = prefix .. 'index:' .. urn, index_alive(now_ms)
    if redis.pcall('ZCARD', key) ~= n then
      index_rebuild(urn)
      n = redis.call('ZCARD', key)
    end
    local sum = index_sum(urn)
    if not sum.n or sum.alive * INDEX_SPAN > tonumber(alive) then
      sum.n, sum.bytes = n, bytes_between(key, 0, n)
      sum.alive, sum.dead = 0, 0
    end
    local before = redis.call('ZCOUNT', key, '-inf',
      string.format('(%d', sum.alive * INDEX_SPAN))
    local dead_n = redis.call('ZCOUNT', key, '-inf', '(' .. alive)
    sum.dead = sum.dead + bytes_between(key, before, dead_n)
    sum.alive, sum.has_changed = tonumber(alive) / INDEX_SPAN, true
    return n - dead_n, sum.bytes - sum.dead
  end

  -- What waits for a user; queued is the part of it that is in ingress.
  local waiting = {}
  local function waiting_for(urn, is_queue_empty)
    local w = waiting[urn]
    if w then
      return w
    end
    local queued = not is_queue_empty and redis.call('HGET', inq, urn) or '0 0'
    local queued_n, queued_bytes = queued:match('^(%d+) (%d+)$')
    local cold = redis.call('HGET', prefix .. 'coldsize', urn) or '0 0 0'
    local cold_n, cold_bytes = cold:match('^%d+ (%d+) (%d+)$')
    w = {queued_n = tonumber(queued_n), queued_bytes = tonumber(queued_bytes),
      cold_n = tonumber(cold_n), cold_bytes = tonumber(cold_bytes)}
    w.hot_n = ask_number('XLEN', prefix .. 'hot:' .. urn) +
      ask_number('XLEN', prefix .. 'hot!:' .. urn)
    -- No less than it is, until it matters.
    w.hot_bytes = w.hot_n * max_envelope
    waiting[urn] = w
    return w
  end

  local function look_closely(urn, w)
    w.is_exact = true
    if w.hot_n > 0 then
      w.hot_n, w.hot_bytes = measure(urn, w.hot_n)
    end
    local last = w.cold_n > 0 and
      tonumber(redis.call('HGET', prefix .. 'coldlast', urn) or nil)
    if last and last <= now_ms then
      w.cold_n, w.cold_bytes = 0, 0
    end
  end

  local length = redis.call('XLEN', ingress)
  local was_empty = length == 0
  local appended = {} -- urn -> what waits for it now
  local refused = {} -- urn -> why
  -- Would Redis refuse a write now? One that changes nothing tells, before
  -- there is one that does.
  local function is_refused()
    local answer = redis.pcall('SETRANGE', intent, 0, '')
    if type(answer) == 'number' then
      return false
    end
    if answer.err:find('^READONLY') then
      no_master = answer -- the caller is to leave this server
      error(answer)
    end
    return true
  end

  -- May something new be appended? Found out once, settling what was cut.
  local may_append
  local function is_open()
    if may_append == nil then
      may_append = not is_full and
        redis.call('GET', prefix .. 'gate') == run_id and not is_refused()
      if may_append and cut then
        remember(cut.field, cut.digest, cut.id)
      end
      if may_append and left then
        redis.call('DEL', intent)
      end
    end
    return may_append
  end

  -- Does one more message of this size go over what one user may keep waiting?
  -- Where nothing may be written, nobody looks closely: that is overload.
  local function is_over(urn, w, size)
    local function goes_over()
      return w.queued_n + w.hot_n + w.cold_n >= max_waiting or
        w.queued_bytes + w.hot_bytes + w.cold_bytes + size > max_bytes
    end
    if not w.is_exact and goes_over() then
      if not is_open() then
        return false
      end
      look_closely(urn, w)
    end
    return goes_over()
  end

  if left then
    is_open()
  end
  for i = first, first + n - 1 do
    local at = first_item + i * 8
    local urn, band, flags = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local expires_ms = now_ms + tonumber(ARGV[at + 3])
    local trace, envelope = ARGV[at + 4], ARGV[at + 5]
    local field, digest = ARGV[at + 6], ARGV[at + 7]
    local seen = field ~= '' and known(field)
    if seen and seen:sub(1, 16) == digest then
      results[i + 2] = {'dup', seen:sub(17)}
    elseif seen then
      results[i + 2] = {'conflict'}
    elseif refused[urn] then
      results[i + 2] = {refused[urn]}
    elseif is_over(urn, waiting_for(urn, was_empty), #envelope) then
      refused[urn] = 'full'
      results[i + 2] = {'full'}
    elseif length >= high_mark or not is_open() then
      refused[urn] = 'overloaded'
      results[i + 2] = {'overloaded'}
    else
      if field ~= '' then
        redis.call('SET', intent, field .. digest .. last_id(ingress))
      end
      local id = redis.call('XADD', ingress, '*', 'u', urn, 'b', band,
        'f', flags, 'x', string.format('%d', expires_ms), 't', trace,
        'e', envelope)
      if field ~= '' then
        remember(field, digest, id)
        redis.call('DEL', intent)
      end
      local w = waiting_for(urn, was_empty)
      w.queued_n = w.queued_n + 1
      w.queued_bytes = w.queued_bytes + #envelope
      appended[urn] = w
      length = length + 1
      results[i + 2] = {'ok', id}
    end
  end

  index_settle()
  if was_empty and next(appended) then
    redis.call('DEL', inq)
  end
  for urn, w in pairs(appended) do
    redis.call('HSET', inq, urn,
      string.format('%d %d', w.queued_n, w.queued_bytes))
  end

  -- The worker polls what it knows to be non-empty; ring only when it may
  -- sleep. Entries that wait for another try keep ingress non-empty meanwhile.
  if next(appended) and
    (was_empty or redis.call('EXISTS', prefix .. 'tries') == 1) then
    local owner = redis.call('GET', prefix .. 'owner')
    if owner then
      redis.call('PUBLISH', 'wp:bell:' .. owner:match(':(.*)$'),
        prefix:match('{(%d+)}'))
    end
  end
end

local first = 0
for k, prefix in ipairs(KEYS) do
  local n = tonumber(ARGV[7 + k])
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
return results
