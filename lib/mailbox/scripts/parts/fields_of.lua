-- exports fields_of
-- The fields of a dead letter by their names.
local function fields_of(entry)
  local flat = entry[2]
  local fields = {}
  for i = 1, #flat, 2 do
    fields[flat[i]] = flat[i + 1]
  end
  return fields
end
