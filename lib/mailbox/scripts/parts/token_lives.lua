-- exports token_lives
-- needs prefix
-- An access token is about to be given that lives for so long. The longest life
-- there is stays known until none that has it can be alive, whatever is given
-- since: what is revoked has to be remembered for that (session_end).
local function token_lives(lives_s)
  local key = prefix .. 'lives'
  if lives_s >= (tonumber(redis.call('GET', key)) or 1) then
    redis.call('SET', key, lives_s, 'EX', lives_s)
  end
end
