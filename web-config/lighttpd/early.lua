-- What lighttpd refuses before it looks what is configured for its host.
--
-- Runs when any response of the server starts, and does nothing to those of
-- requests that got so far. Those that did not are logged as any other site's,
-- by the configuration outside all blocks: their query goes, for it may hold a
-- token. Then they are answered by errors.lua, which is beside this file.

local r = lighty.r

-- No path yet, no length, a body where there may be none, no host or none that
-- can be one: nothing of any host has seen such a request.
local function is_early()
  if not r.req_attr['uri.path'] then
    return true
  end
  local status = r.req_item.http_status
  if status ~= 400 then
    return status == 411
  end
  local method, header = r.req_attr['request.method'], r.req_header
  if (method == 'GET' or method == 'HEAD') and
    ((tonumber(header['Content-Length']) or 0) > 0 or
    header['Transfer-Encoding']) then
    return true
  end
  return not (r.req_attr['uri.authority'] or ''):match('^[%w._:%[%]-]+$')
end

if not is_early() then
  return 0
end
local url = r.req_attr['request.orig-uri']
if url then
  r.req_attr['request.orig-uri'] = url:match('^[^?]*')
end
r.req_header['Referer'] = ''
local folder = debug.getinfo(1, 'S').source:match('^@?(.*/)')
return assert(loadfile(folder .. 'errors.lua'))(lighty)
