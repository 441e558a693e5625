-- What lighttpd would let through to Waypost. Runs before any of that happens.

local header = lighty.r.req_header

-- What comes behind an upgrade has no limit, for it is the frames of the
-- socket. A body in its place would have none either, and lighttpd would keep
-- it all. CONNECT is the upgrade of HTTP/2 (RFC 8441), and its body those
-- frames; any other CONNECT lighttpd has refused by now.
local path = lighty.r.req_attr['uri.path']
if (path == '/connect' or path == '/ws') and lighty.r.req_body.len ~= 0 and
    lighty.r.req_attr['request.method'] ~= 'CONNECT' then
  return 405
end

-- CGI has no place for characters other than letters, digits and "_", and
-- lighttpd writes all others as "_": Idempotency_Key, Idempotency.Key and
-- Idempotency-Key would all be one. Here a header is what the client called
-- it, so the others go.
local odd = {}
for name in pairs(header) do
  if name:find('[^%w-]') then
    odd[#odd + 1] = name
  end
end
for _, name in ipairs(odd) do
  header[name] = nil
end
return 0
