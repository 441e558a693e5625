/*
 * check.c - compare the settings of a Redis with what messages need.
 *
 * A managed Redis may forbid CONFIG: then INFO tells what it can, and a warning
 * says what nobody looked at.
 */
#include "lib/redis/check.h"

#include <stdlib.h>
#include <string.h>

#include "lib/redis/info.h"
#include "lib/sys/conf.h"

enum { MAX_STREAM_NODE_BYTES = 1024, VALUE_MAX = 64 };

struct rule {
	const char *setting;
	const char *advice; /* what to write into redis.conf */
	const char *why;
	bool (*is_good)(const char *value);
};

static bool is_no(const char *value)
{
	return strcmp(value, "no") == 0;
}

static bool is_yes(const char *value)
{
	return strcmp(value, "yes") == 0;
}

/* everysec is a choice that X-Durability tells about; no is a gamble. */
static bool is_synced(const char *value)
{
	return strcmp(value, "no") != 0;
}

static bool is_noeviction(const char *value)
{
	return strcmp(value, "noeviction") == 0;
}

static bool is_limited(const char *value)
{
	return strcmp(value, "0") != 0;
}

/* 0 lifts the limit. */
static bool is_small_node(const char *value)
{
	char *end;
	unsigned long long bytes = strtoull(value, &end, 10);

	return *end == '\0' && bytes > 0 && bytes <= MAX_STREAM_NODE_BYTES;
}

static const struct rule rules[] = {
	{ "maxmemory-policy", "noeviction",
	  "it may throw waiting messages away", is_noeviction },
	{ "maxmemory", "what this host can spare, such as 2gb",
	  "there is no mark at which sends wait, and the kernel ends Redis",
	  is_limited },
	{ "appendonly", "yes", "a restart would lose messages", is_yes },
	{ "appendfsync", "always or everysec",
	  "a crash would lose any number of messages", is_synced },
	{ "no-appendfsync-on-rewrite", "no",
	  "a crash during a rewrite would lose messages", is_no },
	{ "stream-node-max-bytes", "512 (at most 1024)",
	  "mailboxes would hold on to acknowledged messages", is_small_node },
};

struct check {
	struct wp_redis *redis;
	const struct wp_conf *conf;
	const struct wp_log *log; /* NULL: say nothing */
};

/* Ask one command of words. Ownership: the reply is the caller's. */
static enum wp_err ask(const struct check *check, const char *const *words,
		       struct wp_reply **reply_out, struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	for (; *words != NULL; words++)
		wp_cmd_str(&cmd, *words);
	rc = wp_redis_do(check->redis, &cmd, reply_out, err);
	wp_cmd_release(&cmd);
	return rc;
}

/*
 * What 202 means is weaker then, and X-Durability says so to clients who read
 * it; an operator should have meant it.
 */
static void tell_durability(const struct check *check, const char *append_fsync)
{
	if (append_fsync == NULL || check->log == NULL ||
	    check->conf->run_mode != WP_RUN_PRODUCTION ||
	    check->conf->redis.durability == WP_DURABILITY_MEMORY ||
	    strcmp(append_fsync, "everysec") != 0)
		return;
	wp_log(check->log, WP_LOG_WARN,
	       "redis syncs once a second: a crash of its host loses what was "
	       "accepted within the last one",
	       wp_str("setting", "appendfsync"), wp_str("value", append_fsync),
	       wp_str("wanted", "always"));
}

/* In production a bad value ends the start, elsewhere it is worth a line. */
static enum wp_err judge(const struct check *check, const struct rule *rule,
			 const char *value, struct wp_error *err)
{
	if (rule->is_good(value))
		return WP_OK;
	if (check->conf->run_mode == WP_RUN_PRODUCTION)
		return wp_error_set(err, WP_ERR_INVAL,
				    "redis.conf has %s %.32s: %s; set %s %s",
				    rule->setting, value, rule->why,
				    rule->setting, rule->advice);
	if (check->log != NULL)
		wp_log(check->log, WP_LOG_WARN,
		       "redis setting is unfit for production",
		       wp_str("setting", rule->setting), wp_str("value", value),
		       wp_str("wanted", rule->advice),
		       wp_str("why", rule->why));
	return WP_OK;
}

/* Without append-only file its other settings mean nothing. */
static bool is_moot(const struct rule *rule, bool is_append_only)
{
	return !is_append_only &&
	       (rule->is_good == is_synced ||
		strcmp(rule->setting, "no-appendfsync-on-rewrite") == 0);
}

/* At a start all faults are told; later, with no log, the first will do. */
static void note(const struct check *check, enum wp_err verdict,
		 const struct wp_error *why, enum wp_err *rc,
		 struct wp_error *err)
{
	wp_faults_note(check->log != NULL ? check->conf->faults : NULL, verdict,
		       why, rc, err);
}

static enum wp_err judge_config(const struct check *check,
				const struct wp_reply *reply,
				struct wp_error *err)
{
	const char *append = wp_config_find(reply, "appendonly");
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK;
	size_t i;

	tell_durability(check, wp_config_find(reply, "appendfsync"));
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];
		const char *value = wp_config_find(reply, rule->setting);

		if (value == NULL && check->log != NULL)
			wp_log(check->log, WP_LOG_WARN,
			       "redis does not tell a setting",
			       wp_str("setting", rule->setting));
		else if (value != NULL &&
			 !is_moot(rule, append == NULL || is_yes(append)))
			note(check, judge(check, rule, value, &why), &why, &rc,
			     err);
	}
	return rc;
}

static const struct rule *rule_of(const char *setting)
{
	const struct rule *rule = rules;

	while (strcmp(rule->setting, setting) != 0)
		rule++;
	return rule;
}

/* What INFO says of two of the settings, where CONFIG may not be asked. */
static enum wp_err judge_info(const struct check *check, struct wp_error *err)
{
	static const char *const memory[] = { "INFO", "memory", NULL };
	static const char *const persistence[] = { "INFO", "persistence",
						   NULL };
	struct wp_reply *reply = NULL;
	char value[VALUE_MAX] = "";
	const char *found;
	enum wp_err rc;
	size_t len;

	if (check->log != NULL)
		wp_log_plain(
			check->log, WP_LOG_WARN,
			"redis forbids CONFIG GET; appendfsync, "
			"no-appendfsync-on-rewrite and stream-node-max-bytes "
			"were not looked at");
	rc = ask(check, memory, &reply, err);
	if (rc != WP_OK)
		goto out;
	found = wp_info_find(reply, "maxmemory_policy", &len);
	if (found != NULL && len < sizeof(value)) {
		memcpy(value, found, len);
		value[len] = '\0';
		rc = judge(check, rule_of("maxmemory-policy"), value, err);
	}
	found = wp_info_find(reply, "maxmemory", &len);
	if (rc == WP_OK && found != NULL)
		rc = judge(check, rule_of("maxmemory"),
			   len == 1 && found[0] == '0' ? "0" : "limited", err);
	if (rc != WP_OK)
		goto out;
	wp_reply_free(&reply);
	rc = ask(check, persistence, &reply, err);
	if (rc != WP_OK)
		goto out;
	found = wp_info_find(reply, "aof_enabled", &len);
	if (found != NULL)
		rc = judge(check, rule_of("appendonly"),
			   found[0] == '1' ? "yes" : "no", err);
out:
	wp_reply_free(&reply);
	return rc;
}

/* Ask for all of them at once. */
static enum wp_err ask_settings(const struct check *check,
				struct wp_reply **reply_out,
				struct wp_error *err)
{
	const char *words[2 + sizeof(rules) / sizeof(rules[0]) + 1] = {
		"CONFIG",
		"GET",
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		words[2 + i] = rules[i].setting;
	return ask(check, words, reply_out, err);
}

static enum wp_err check_settings(const struct check *check,
				  struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = ask_settings(check, &reply, err);

	if (rc == WP_OK)
		rc = wp_reply_type(reply) == WP_REPLY_ARRAY
			     ? judge_config(check, reply, err)
			     : judge_info(check, err);
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_redis_settings_look(struct wp_redis *redis,
				   wp_redis_setting_fn tell, void *ctx,
				   struct wp_error *err)
{
	const struct check check = { .redis = redis };
	struct wp_reply *reply = NULL;
	enum wp_err rc = ask_settings(&check, &reply, err);
	const char *append;

	if (rc == WP_OK)
		rc = wp_reply_accept(&reply, err);
	if (rc != WP_OK)
		return rc;
	append = wp_config_find(reply, "appendonly");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const char *value = wp_config_find(reply, rules[i].setting);
		const struct wp_redis_setting setting = {
			.name = rules[i].setting,
			.value = value,
			.wanted = rules[i].advice,
			.why = rules[i].why,
			.is_good = value != NULL && rules[i].is_good(value),
		};

		if (!is_moot(&rules[i], append == NULL || is_yes(append)))
			tell(ctx, &setting);
	}
	wp_reply_free(&reply);
	return WP_OK;
}

enum wp_err wp_redis_check(struct wp_redis *redis, const struct wp_conf *conf,
			   const struct wp_log *log, struct wp_error *err)
{
	const struct check check = { redis, conf, log };
	enum wp_err rc;

	rc = wp_redis_connect(redis, err);
	if (rc == WP_OK)
		rc = check_settings(&check, err);
	return rc == WP_ERR_DENIED ? WP_ERR_INVAL : rc;
}
