-- The errors that lighttpd itself makes, in the form that Waypost's have.
--
-- Runs when any response of a host of Waypost's starts. What a handler or the
-- daemon answered has an X-Request-Id already and passes untouched, and so does
-- every other part of the site. early.lua runs it for requests that lighttpd
-- refused before that, some of which have no path.

local lighty = ... or lighty

-- cors.allowed_origins, which `waypost origins` writes.
local ORIGINS = '/etc/waypost/origins.conf'

local SENTENCES = {
  [400] = {'bad_request', 'the request is malformed'},
  [403] = {'forbidden', 'this address may not ask for it'},
  [404] = {'not_found', 'there is nothing at this path'},
  [405] = {'method_not_allowed', 'the method is not allowed here'},
  [408] = {'request_timeout', 'the request did not arrive in time'},
  [411] = {'length_required', 'Content-Length is missing'},
  [413] = {'payload_too_large', 'the body is too large'},
  [414] = {'uri_too_long', 'the URL is too long'},
  [417] = {'bad_request', 'the Expect header asks for the impossible'},
  [431] = {'headers_too_large', 'the request headers are too large'},
  [502] = {'bad_gateway', 'the service gave no usable answer; the outcome ' ..
    'is unknown, repeat with the same Idempotency-Key'},
  [503] = {'overloaded', 'the request was not accepted, the service cannot ' ..
    'be reached or is overloaded; repeat later'},
  [504] = {'gateway_timeout', 'the service did not answer in time; the ' ..
    'outcome is unknown, repeat with the same Idempotency-Key'},
}

local GET, POST, PROBE = 'GET, OPTIONS', 'POST, OPTIONS', 'GET, HEAD, OPTIONS'
local PATHS = { -- and what a 405 of lighttpd's says of them
  ['/send'] = POST, ['/send/batch'] = POST, ['/messages'] = GET,
  ['/messages/ack'] = POST, ['/healthz'] = PROBE, ['/readyz'] = PROBE,
  ['/connect'] = 'GET', ['/ws'] = 'GET',
  ['/api'] = 'OPTIONS', ['/api/send'] = POST, ['/api/send/batch'] = POST,
  ['/api/messages'] = GET, ['/api/messages/ack'] = POST,
  ['/api/presence'] = GET, ['/api/ticket'] = POST, ['/api/notify'] = POST,
  ['/api/devices'] = 'GET, POST, DELETE, OPTIONS',
  ['/api/devices/test'] = POST, ['/api/devices/verify'] = POST,
  ['/api/push/unsubscribe'] = 'GET, POST, OPTIONS',
  ['/api/push/preferences'] = 'GET, PUT, OPTIONS',
  ['/register-device'] = POST,
  ['/api/v1/register/fcm'] = POST, ['/api/v1/register/web'] = POST,
  ['/api/v1/unregister/fcm'] = POST, ['/api/v1/unregister/web'] = POST,
  ['/api/admin/revoke'] = POST, ['/api/admin/invites'] = POST,
  ['/api/admin/accounts'] = POST, ['/api/admin/accounts/state'] = POST,
  ['/api/admin/accounts/reset-code'] = POST,
  ['/api/auth/refresh'] = POST, ['/api/auth/logout'] = POST,
  ['/api/auth/backchannel-logout'] = POST,
  ['/api/auth/sessions'] = GET, ['/api/auth/sessions/revoke'] = POST,
  ['/.well-known/jwks.json'] = GET,
  ['/.well-known/oauth-authorization-server'] = GET,
  ['/auth/register'] = POST, ['/auth/login'] = POST,
  ['/api/auth/register'] = POST, ['/api/auth/login'] = POST,
  ['/api/auth/password'] = POST, ['/api/auth/password/reset'] = POST,
  ['/api/auth/recovery'] = POST, ['/api/auth/account/delete'] = POST,
}

-- Each line is "<an origin>" or "~^.+$" for any, then "credentials" or "plain".
-- A request that was refused before its Origin was read tells it to anybody.
local function allowed_origin(origin, status)
  local file = io.open(ORIGINS)
  if not file then
    return nil
  end
  local text = file:read('*a') or ''
  file:close()
  if not origin then
    local is_early = status == 400 or status == 414 or status == 431
    return is_early and text:find('"unknown"', 1, true) and '*', 'plain'
  end
  for listed, how in text:gmatch('"(%S-)" "(%l+)";') do
    if listed:lower() == origin:lower() or
      listed == '~^.+$' and origin ~= 'null' then
      return origin, how
    end
  end
end

local r = lighty.r
local status = r.req_item.http_status
if status == 500 then
  status = 502 -- a backend that died with the request; else it is 503
elseif status == 501 or status == 505 then
  status = 400 -- a method or version of the client's own making
end
local sentence = SENTENCES[status]
if not sentence or r.resp_header['X-Request-Id'] then
  return 0
end
local path = (r.req_attr['request.orig-uri'] or ''):match('^[^?]*')
if path ~= '' and not PATHS[path] and path:sub(1, 5) ~= '/api/' then
  return 0
end

local id = r.req_header['X-Request-Id'] or ''
if #id > 64 or not id:match('^[%w._-]+$') then
  local seconds, nanoseconds = lighty.c.hrtime()
  id = lighty.c.md('sha256', table.concat({
    tostring(seconds), tostring(nanoseconds), math.random(), tostring(r),
  }, ' ')):sub(1, 32):lower()
end
local body = '{"error":"' .. sentence[2] .. '","code":"' .. sentence[1] .. '"}'
local header = r.resp_header
header['Content-Type'] = 'application/json'
header['Cache-Control'] = 'no-store'
header['Vary'] = 'Origin'
header['X-Request-Id'] = id
if status == 405 then
  header['Allow'] = PATHS[path] or 'OPTIONS'
end
if status >= 502 then -- spread out those who were all refused at once
  header['Retry-After'] = tostring(math.random(1, 2))
end
local origin, how = allowed_origin(r.req_header['Origin'], status)
if origin then
  header['Access-Control-Allow-Origin'] = origin
  header['Access-Control-Expose-Headers'] =
    'X-Request-Id, X-Durability, Retry-After'
  if how == 'credentials' then
    header['Access-Control-Allow-Credentials'] = 'true'
  end
end
r.resp_body:set({body})
return status -- 0 would leave the answer waiting for more body
