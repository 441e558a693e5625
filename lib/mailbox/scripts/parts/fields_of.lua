-- exports fields_of
-- The fields of an entry of a stream by their names. What send writes is taken
-- as it lies: a table that grows field by field costs much more.
local function fields_of(entry)
  local flat = entry[2]
  if #flat == 12 and flat[1] == 'u' and flat[3] == 'b' and flat[5] == 'f' and
    flat[7] == 'x' and flat[11] == 'e' then
    return {u = flat[2], b = flat[4], f = flat[6], x = flat[8], e = flat[12]}
  end
  local fields = {}
  for i = 1, #flat, 2 do
    fields[flat[i]] = flat[i + 1]
  end
  return fields
end
