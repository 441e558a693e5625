/*
 * session_redis.c - the scripts about a session, as lib/mailbox/scripts has
 * them.
 */
#include <string.h>

#include "tests/model/session.h"

/* Ask the store; the claim proves that nobody has ended it since. */
static enum wp_sm_verdict ask(const struct wp_sm_case *model,
			      struct wp_sm_state *s, struct wp_sm_request *out)
{
	struct wp_sm_redis *redis = &s->redis;

	if (redis->claim == 0 || redis->claim_life != s->life) {
		redis->claim =
			model->mistake == WP_SM_ONE_CLAIM ? 1 : s->next_claim++;
		redis->claim_life = s->life;
	}
	out->claim = redis->claim;
	return WP_SM_ASK;
}

static void rotate(struct wp_sm_state *s, struct wp_sm_request *out)
{
	struct wp_sm_redis *redis = &s->redis;

	redis->generation++;
	redis->is_used = 0;
	redis->age = 0;
	s->used_age = WP_SM_UNUSED;
	out->token = out->access = redis->generation;
}

static void mark_used(struct wp_sm_state *s)
{
	s->redis.is_used = 1;
	if (s->used_age == WP_SM_UNUSED)
		s->used_age = 0;
}

/* Whoever presents it has received it. */
static enum wp_sm_verdict present_one(const struct wp_sm_case *model,
				      struct wp_sm_state *s,
				      struct wp_sm_request *out)
{
	int wait = 2 * WP_SM_GRACE;

	if (model->mistake == WP_SM_ROTATE_ALWAYS)
		wait = -1;
	if (model->mistake == WP_SM_ROTATE_SOON)
		wait = WP_SM_GRACE;
	if (s->redis.age > wait) {
		rotate(s, out);
		return WP_SM_ROTATED;
	}
	mark_used(s);
	s->redis.is_used &= model->mistake != WP_SM_KEPT_UNUSED;
	out->access = s->redis.generation;
	out->token = model->mistake == WP_SM_KEPT_IS_GIVEN ? s->redis.generation
							   : WP_SM_NONE;
	return WP_SM_KEPT;
}

static enum wp_sm_verdict parent(const struct wp_sm_case *model,
				 struct wp_sm_state *s,
				 struct wp_sm_request *out)
{
	struct wp_sm_redis *redis = &s->redis;
	bool is_fresh =
		redis->age <= WP_SM_GRACE && model->mistake != WP_SM_NO_GRACE;
	bool is_used = redis->is_used || model->mistake == WP_SM_NO_USED;

	if (is_used && !is_fresh && model->mistake != WP_SM_AGAIN_ALWAYS)
		return WP_SM_IS_REUSED;
	if ((!is_used || model->mistake == WP_SM_GRACE_RENEWED) &&
	    model->mistake != WP_SM_GRACE_ONCE)
		redis->age = 0;
	out->token = out->access = redis->generation;
	return WP_SM_AGAIN;
}

enum wp_sm_verdict wp_sm_refresh(const struct wp_sm_case *model,
				 struct wp_sm_state *s, int8_t presented,
				 struct wp_sm_request *out)
{
	struct wp_sm_redis *redis = &s->redis;

	if (!redis->is_settled ||
	    (redis->life != s->life && model->mistake != WP_SM_NO_LIFE))
		return ask(model, s, out);
	if (presented > redis->generation &&
	    model->mistake != WP_SM_NOT_RAISED) {
		redis->generation = presented;
		redis->is_used = 0;
		redis->age = 0;
		s->used_age = WP_SM_UNUSED;
	}
	if (presented == redis->generation)
		return present_one(model, s, out);
	if (presented == redis->generation - 1)
		return parent(model, s, out);
	return WP_SM_IS_REUSED;
}

bool wp_sm_settle(const struct wp_sm_case *model, struct wp_sm_state *s,
		  int8_t claim, int8_t presented, bool is_login)
{
	struct wp_sm_redis *redis = &s->redis;
	bool is_blind = model->mistake == WP_SM_NO_CLAIM ||
			(is_login && model->mistake == WP_SM_LOGIN_BLIND);

	if (!is_blind &&
	    (redis->claim != claim || (redis->claim_life != s->life &&
				       model->mistake != WP_SM_CLAIM_OUTLIVES)))
		return false;
	if (is_blind && redis->is_settled && redis->life == s->life)
		return true;
	redis->claim = redis->claim_life = 0;
	redis->life = s->life;
	redis->age = model->mistake == WP_SM_RESTORED_OLD && !is_login
			     ? WP_SM_AGE_MAX
			     : 0;
	s->used_age = redis->is_used ? 0 : WP_SM_UNUSED;
	if (!redis->is_settled) {
		redis->is_settled = 1;
		redis->generation = presented;
		redis->is_used = 0;
		s->used_age = WP_SM_UNUSED;
	}
	return true;
}

void wp_sm_seen(const struct wp_sm_case *model, struct wp_sm_state *s,
		int8_t generation)
{
	struct wp_sm_redis *redis = &s->redis;

	if (!redis->is_settled || (redis->generation != generation &&
				   model->mistake != WP_SM_SEEN_ANY))
		return;
	if (redis->generation == generation)
		mark_used(s);
	redis->is_used = 1;
}

/* That a claim is of before is as good as that it is not there. */
bool wp_sm_close(const struct wp_sm_case *model, struct wp_sm_state *s)
{
	if (model->mistake != WP_SM_CLOSES_UNSAID)
		s->redis.claim = s->redis.claim_life = 0;
	return s->redis.is_settled;
}

void wp_sm_end(struct wp_sm_state *s)
{
	memset(&s->redis, 0, sizeof(s->redis));
	s->used_age = WP_SM_UNUSED;
}
