-- exports bytes_between, expired_in
-- needs prefix, INDEX_SPAN, index_alive
-- What send has seen of expired messages is in waits as well: "!" and the user
-- -> "<second> <n> <bytes>", how many entries of the index expire before that
-- second, and their bytes. It is not believed when the index has another number
-- of them. Only one that has expired when it is added could make up for one
-- that has left: route deletes what is in waits then.
local bytes_between, expired_in
do
  -- Bytes of the entries from one rank of an index up to another.
  function bytes_between(key, from, to)
    local bytes = 0
    for i = from, to - 1, 500 do
      local slice = redis.call('ZRANGE', key, i, math.min(i + 499, to - 1),
        'WITHSCORES')
      for k = 2, #slice, 2 do
        bytes = bytes + slice[k] % INDEX_SPAN
      end
    end
    return bytes
  end

  -- How many entries of the index have expired, and their bytes. Each is
  -- looked at once, as long as nothing leaves.
  function expired_in(urn, now_ms)
    local key, waits = prefix .. 'index:' .. urn, prefix .. 'waits'
    local alive = index_alive(now_ms)
    local n = redis.call('ZCOUNT', key, '-inf', '(' .. alive)
    local from, bytes = 0, 0
    local text = redis.call('HGET', waits, '!' .. urn)
    if text then
      local second, had, sum = text:match('^(%d+) (%d+) (%d+)$')
      local limit = string.format('%d', second * INDEX_SPAN)
      if tonumber(limit) <= tonumber(alive) and
        redis.call('ZCOUNT', key, '-inf', '(' .. limit) == tonumber(had) then
        from, bytes = tonumber(had), tonumber(sum)
      end
    end
    bytes = bytes + bytes_between(key, from, n)
    redis.call('HSET', waits, '!' .. urn,
      string.format('%d %d %d', alive / INDEX_SPAN, n, bytes))
    return n, bytes
  end
end
