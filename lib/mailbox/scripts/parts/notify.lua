-- exports push_about, push_news, push_sooner
-- needs prefix, is_above, PUSH_NOBODY
-- Have somebody told that something waits, by whoever takes entries of pushdue:
-- a user -> when to look. While a claim lasts (busy in pushed:<urn>), the score
-- is when it lapses, and nobody may lower it: two would be told to tell.
local push_about, push_news, push_sooner
do
  local KNOWN_SECONDS = 30 * 24 * 3600

  local function is_claimed(urn) -- a foreign key is push_take's business
    return redis.pcall('HEXISTS', prefix .. 'pushed:' .. urn, 'busy') == 1
  end

  -- Those of whom an id is news. Nothing is of who has no device: that would
  -- come out of the comparison too, which costs more than one of texts.
  local function news_of(list)
    local keys, news = {}, {}
    for i, one in ipairs(list) do
      keys[i] = prefix .. 'notified:' .. one.urn
    end
    local known = redis.call('MGET', unpack(keys))
    for i, one in ipairs(list) do
      if known[i] ~= PUSH_NOBODY and
        (not known[i] or is_above(one.about, known[i])) then
        news[#news + 1] = one
      end
    end
    return news
  end

  -- list: at most 200 of {urn, about, is_high, at}: about is an id, at is when
  -- to look (ms), as text.
  function push_about(list)
    local news = news_of(list)
    if #news > 0 then
      push_news(news)
    end
  end

  -- The same, of whom the caller knows that it is news. notified is written
  -- last: until then whoever is cut off asks again, unless it was acked
  -- meanwhile; so who is in pushhigh has an entry, with which he goes.
  function push_news(news)
    local words, sooner, high = {}, {}, {}
    for i, one in ipairs(news) do
      words[2 * i - 1], words[2 * i] = one.at, one.urn
      if one.is_high then
        high[#high + 1] = one.urn
        if not is_claimed(one.urn) then
          sooner[#sooner + 1] = one.at
          sooner[#sooner + 1] = one.urn
        end
      end
    end
    redis.call('ZADD', prefix .. 'pushdue', 'NX', unpack(words))
    if #high > 0 then
      redis.call('SADD', prefix .. 'pushhigh', unpack(high))
    end
    if #sooner > 0 then
      redis.call('ZADD', prefix .. 'pushdue', 'LT', unpack(sooner))
    end
    for _, one in ipairs(news) do
      redis.call('SET', prefix .. 'notified:' .. one.urn, one.about, 'EX',
        KNOWN_SECONDS)
    end
  end

  -- An entry that is there: it may have been put off because its user was
  -- online.
  function push_sooner(urn, at_ms)
    if not is_claimed(urn) then
      redis.call('ZADD', prefix .. 'pushdue', 'XX', 'LT',
        string.format('%d', at_ms), urn)
    end
  end
end
