-- exports ENTRY_HEAD
-- Bytes of m in an entry (parts/unpack_entry.lua) before the URN.
local ENTRY_HEAD = 12
