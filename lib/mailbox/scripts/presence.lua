#!lua flags=no-writes,allow-oom
-- presence: who of these users of one partition is online (docs/openapi.yaml
-- "/api/presence").
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, …
-- Result   {connections, seen, …}: a pair per user; seen is seconds since 1970
--          of the last disconnect, or "" when unknown
-- Bounds: the users that are named, one look each.
local prefix = KEYS[1]
local out = {}
for _, urn in ipairs(ARGV) do
  out[#out + 1] = redis.call('HLEN', prefix .. 'online:' .. urn)
  out[#out + 1] = redis.call('GET', prefix .. 'seen:' .. urn) or ''
end
return out
