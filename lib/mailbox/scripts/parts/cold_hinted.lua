-- exports cold_hinted
-- needs COLD_RECORD
-- The record of a user of whom rows may be in cold from now on, under a token
-- that no earlier one had. record: what there was, or a false value. last_ms:
-- when the last of these rows expires, nil when nobody knows.
local function cold_hinted(record, token, last_ms)
  if not record then
    return token .. (last_ms and string.format(' %d - 0 0', last_ms) or
      ' - - 0 0')
  end
  local _, last, version, n, bytes = record:match(COLD_RECORD)
  if not version then -- a foreign hand
    return token .. ' - - 0 0'
  end
  local known_ms = last_ms and tonumber(last)
  if not known_ms then
    last = '-'
  elseif known_ms < last_ms then
    last = string.format('%d', last_ms)
  end
  return table.concat({token, last, version, n, bytes}, ' ')
end
