-- The highest id that waits in hot and is not ephemeral, or nil.
local function highest_waiting(urn)
  local highest
  for _, key in ipairs({prefix .. 'hot:' .. urn, prefix .. 'hot!:' .. urn}) do
    local to, looked = '+', 0
    repeat
      local slice = redis.pcall('XREVRANGE', key, to, '-', 'COUNT', 16)
      local found
      slice = slice.err and {} or slice -- a foreign key is route's business
      for _, entry in ipairs(slice) do
        to = '(' .. entry[1]
        if not found and not entry[2][6]:find('e', 1, true) then
          found = entry[1]
        end
      end
      looked = looked + #slice
      if found and (not highest or is_above(found, highest)) then
        highest = found
      end
    until found or #slice < 16 or looked >= 1024
  end
  return highest
end
