-- exports highest_waiting, looks_are_over
-- needs prefix, is_above, unpack_entry, EPHEMERAL
-- The highest id that waits in hot, has not expired and is not ephemeral, or
-- nil; and that of the high band, or nil.
-- Where that takes too long a look, it is the lowest id that was looked at: a
-- notification too many is better than none.
-- Bounds: 256 entries and 256 KiB in all looks of a script together, and a
-- slice beyond them for each user.
local highest_waiting, looks_are_over
do
  local looks_left, bytes_left = 256, 256 * 1024

  local function highest_in(key, now_ms)
    local to, count, last = '+', 1, nil
    repeat
      local slice = redis.pcall('XREVRANGE', key, to, '-', 'COUNT', count)
      slice = slice.err and {} or slice -- a foreign key is route's business
      for _, entry in ipairs(slice) do
        local expires_ms, size, bits = unpack_entry(entry[2])
        last = entry[1]
        looks_left = looks_left - 1
        bytes_left = bytes_left - (size or #entry[2][2])
        if bits and bits % 4 < EPHEMERAL and
          (expires_ms or 0) > now_ms then
          return last
        end
      end
      if #slice < count then
        return nil
      end
      to, count = '(' .. last, 16
    until looks_left <= 0 or bytes_left <= 0
    return last
  end

  function highest_waiting(urn, now_ms)
    local standard = highest_in(prefix .. 'hot:' .. urn, now_ms)
    local high = highest_in(prefix .. 'hot!:' .. urn, now_ms)
    if standard and high then
      return is_above(high, standard) and high or standard, high
    end
    return standard or high, high
  end

  function looks_are_over()
    return looks_left <= 0 or bytes_left <= 0
  end
end
