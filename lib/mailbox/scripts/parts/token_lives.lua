-- exports token_lives
-- needs prefix
-- An access token is about to be given that lives for so long. The longest life
-- there is stays known until this one may live longer than all that have it:
-- what is revoked has to be remembered for so long (session_end).
local function token_lives(lives_s)
  local key = prefix .. 'lives'
  if lives_s >= (tonumber(redis.call('GET', key)) or 1) or
    lives_s > redis.call('TTL', key) then
    redis.call('SET', key, lives_s, 'EX', lives_s)
  end
end
