-- exports fields_of
-- The fields of an entry of a stream by their names.
local function fields_of(entry)
  local fields, flat = {}, entry[2]
  for i = 1, #flat, 2 do
    fields[flat[i]] = flat[i + 1]
  end
  return fields
end
