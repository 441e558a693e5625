-- exports index_rebuild
-- needs prefix, index_score, unpack_entry
-- Make the index of a user anew, out of what is in hot, beside the old one.
-- Looks at every entry: only after a cut, a foreign hand, or a version without
-- index.
local function index_rebuild(urn)
  local copy = prefix .. 'reindex'
  redis.call('DEL', copy)
  for mark, hot in pairs({[''] = 'hot:', ['!'] = 'hot!:'}) do
    local from, slice = '-'
    repeat
      slice = redis.pcall('XRANGE', prefix .. hot .. urn, from, '+', 'COUNT',
        16)
      slice = slice.err and {} or slice -- a foreign key is route's business
      for _, entry in ipairs(slice) do
        local id = entry[1]
        local expires_ms, size = unpack_entry(entry[2])
        from = '(' .. id
        redis.call('ZADD', copy, string.format('%d',
          index_score(expires_ms or 0, size or #entry[2][2])), mark .. id)
      end
    until #slice < 16
  end
  redis.pcall('HDEL', prefix .. 'waits', '!' .. urn)
  if redis.call('EXISTS', copy) == 1 then
    redis.call('RENAME', copy, prefix .. 'index:' .. urn)
  else
    redis.call('DEL', prefix .. 'index:' .. urn)
  end
end
