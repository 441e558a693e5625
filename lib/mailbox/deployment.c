/*
 * deployment.c - wp:meta, read and compared, and noted by whoever comes first.
 */
#include "lib/mailbox/deployment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/redis/check.h"

enum { FIRST_LAYOUT = 1, ID_SHOWN = 8, PARTITIONS_MAX = 65536 };

struct meta {
	int64_t partitions; /* 0 = not noted; likewise layout */
	int64_t layout;
	bool is_production;
	char store[WP_STORE_ID_LEN + 1]; /* "" = not noted */
};

/* Send words (NULL ends them); an error reply is WP_OK. */
static enum wp_err ask(struct wp_redis *redis, const char *const *words,
		       struct wp_reply **reply_out, struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	for (; *words != NULL; words++)
		wp_cmd_str(&cmd, *words);
	rc = wp_redis_do(redis, &cmd, reply_out, err);
	wp_cmd_release(&cmd);
	return rc;
}

static enum wp_err not_kept(const char *why, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "Redis does not keep " WP_META_KEY ": %.120s", why);
}

/* Is a field there that should be a number, and is none? */
static bool is_bad_number(const struct wp_reply *reply)
{
	return wp_reply_type(reply) != WP_REPLY_NIL && wp_reply_int(reply) <= 0;
}

static enum wp_err parse(const struct wp_reply *reply, struct meta *out,
			 struct wp_error *err)
{
	const struct wp_reply *store = wp_reply_at(reply, 3);

	*out = (struct meta){
		.partitions = wp_reply_int(wp_reply_at(reply, 0)),
		.layout = wp_reply_int(wp_reply_at(reply, 1)),
		.is_production =
			wp_reply_is(wp_reply_at(reply, 2), "production"),
	};
	if (wp_reply_type(reply) == WP_REPLY_ERROR)
		return not_kept(wp_reply_str(reply), err);
	if (is_bad_number(wp_reply_at(reply, 0)))
		return not_kept("its partitions is no number", err);
	if (is_bad_number(wp_reply_at(reply, 1)))
		return not_kept("its layout is no number", err);
	if (out->partitions != 0 && out->layout == 0)
		out->layout = FIRST_LAYOUT; /* which was not noted at first */
	if (wp_reply_type(store) == WP_REPLY_NIL)
		return WP_OK;
	if (wp_reply_len(store) != WP_STORE_ID_LEN)
		return not_kept("its " WP_META_STORE " is no id", err);
	memcpy(out->store, wp_reply_str(store), WP_STORE_ID_LEN);
	return WP_OK;
}

static enum wp_err read_meta(struct wp_redis *redis, struct meta *out,
			     struct wp_error *err)
{
	static const char *const words[] = {
		"HMGET",    WP_META_KEY,   "partitions", "layout",
		"run_mode", WP_META_STORE, NULL,
	};
	struct wp_reply *reply = NULL;
	enum wp_err rc = ask(redis, words, &reply, err);

	if (rc == WP_OK)
		rc = parse(reply, out, err);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err compare_layout(const struct meta *meta, struct wp_error *err)
{
	if (meta->layout == 0 || meta->layout == WP_LAYOUT)
		return WP_OK;
	return wp_error_set(err, WP_ERR_INVAL,
			    "the keys in Redis have layout %" PRId64
			    ", of %s Waypost; this one knows only layout %d",
			    meta->layout,
			    meta->layout < WP_LAYOUT ? "an older" : "a newer",
			    WP_LAYOUT);
}

static enum wp_err compare(const struct meta *meta, const struct wp_conf *conf,
			   struct wp_error *err)
{
	int64_t wanted = conf->mailbox.partitions;

	if (compare_layout(meta, err) != WP_OK)
		return WP_ERR_INVAL;
	if (meta->is_production && conf->run_mode != WP_RUN_PRODUCTION)
		return wp_error_set(
			err, WP_ERR_INVAL,
			"this Redis belongs to a production deployment, but "
			"run_mode is local%s",
			conf->has_file ? ""
				       : " (no configuration file was found "
					 "at " WP_CONF_DEFAULT_PATH ")");
	if (meta->partitions != 0 && meta->partitions != wanted)
		return wp_error_set(err, WP_ERR_INVAL,
				    "mailbox.partitions is %" PRId64
				    ", but this deployment began with %" PRId64
				    ", which cannot change; set "
				    "mailbox.partitions: %" PRId64,
				    wanted, meta->partitions, meta->partitions);
	return WP_OK;
}

/* Set one field, unless it is there; a full Redis may refuse. */
static enum wp_err note(struct wp_redis *redis, const char *field,
			const char *value, struct wp_error *err)
{
	const char *const words[] = { "HSETNX", WP_META_KEY, field, value,
				      NULL };
	struct wp_reply *reply = NULL;
	enum wp_err rc = ask(redis, words, &reply, err);

	wp_reply_free(&reply);
	return rc;
}

static enum wp_err note_number(struct wp_redis *redis, const char *field,
			       int64_t value, struct wp_error *err)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return note(redis, field, text, err);
}

/* Note what is missing, and read again: another program may have been first. */
static enum wp_err complete(struct wp_redis *redis, const struct wp_conf *conf,
			    struct meta *meta, struct wp_error *err)
{
	bool is_production = conf->run_mode == WP_RUN_PRODUCTION;
	enum wp_err rc = WP_OK;

	if (meta->partitions != 0 && meta->layout != 0 &&
	    meta->is_production == is_production)
		return WP_OK;
	/* The layout first: partitions without one are an older Waypost's. */
	if (meta->layout == 0)
		rc = note_number(redis, "layout", WP_LAYOUT, err);
	if (rc == WP_OK && meta->partitions == 0)
		rc = note_number(redis, "partitions", conf->mailbox.partitions,
				 err);
	if (rc == WP_OK && is_production && !meta->is_production)
		rc = note(redis, "run_mode", "production", err);
	if (rc == WP_OK)
		rc = read_meta(redis, meta, err);
	if (rc == WP_OK && meta->partitions == 0)
		rc = not_kept("it is full, or may not be written", err);
	return rc == WP_OK ? compare(meta, conf, err) : rc;
}

static enum wp_err compare_store(const struct meta *meta,
				 const struct wp_conf *conf, const char *id,
				 struct wp_error *err)
{
	char where[WP_STORE_WHERE_MAX + 1];

	if (meta->store[0] == '\0' || id[0] == '\0' ||
	    strcmp(meta->store, id) == 0)
		return WP_OK;
	wp_store_where(conf, where);
	return wp_error_set(err, WP_ERR_INVAL,
			    "%s is not the store of this deployment (%.*s…, "
			    "expected %.*s…); all programs must use one file",
			    where, ID_SHOWN, id, ID_SHOWN, meta->store);
}

static enum wp_err match(struct wp_redis *redis, const struct wp_conf *conf,
			 struct meta *meta, const char *id,
			 struct wp_error *err)
{
	enum wp_err rc;

	if (meta->store[0] == '\0' && id[0] != '\0') {
		rc = note(redis, WP_META_STORE, id, err);
		if (rc == WP_OK)
			rc = read_meta(redis, meta, err);
		if (rc != WP_OK)
			return rc;
	}
	return compare_store(meta, conf, id, err);
}

/* Open what meta says, or whatever is there while it says nothing. */
static enum wp_err open_store(struct wp_store **out, const struct wp_conf *conf,
			      const struct meta *meta,
			      char id[WP_STORE_ID_LEN + 1],
			      struct wp_error *err)
{
	enum wp_err rc = meta->store[0] != '\0'
				 ? wp_store_open_existing(out, conf, err)
				 : wp_store_open(out, conf, err);

	return rc == WP_OK ? wp_store_id(*out, id, err) : rc;
}

static void warn_of_lost_memory(const struct wp_log *log)
{
	wp_log_plain(log, WP_LOG_WARN,
		     "this Redis knows nothing, but the store has served one "
		     "before; if a backup was to be restored, stop everything "
		     "and see docs/operations.md");
}

static enum wp_err check_meta(struct wp_redis *redis,
			      const struct wp_conf *conf, struct meta *meta,
			      bool *was_empty_out, struct wp_error *err)
{
	enum wp_err rc = read_meta(redis, meta, err);

	*was_empty_out = rc == WP_OK && meta->partitions == 0;
	return rc == WP_OK ? compare(meta, conf, err) : rc;
}

enum wp_err wp_deployment_join(struct wp_redis *redis,
			       const struct wp_conf *conf,
			       const struct wp_log *log,
			       char store_id_out[WP_STORE_ID_LEN + 1],
			       struct wp_error *err)
{
	struct wp_store *store = NULL;
	bool was_empty = false, has_life = false;
	struct wp_error why = { 0 };
	struct meta meta = { 0 };
	enum wp_err rc, one;

	store_id_out[0] = '\0';
	rc = wp_redis_check(redis, conf, log, err);
	if (rc == WP_OK || rc == WP_ERR_INVAL) {
		one = check_meta(redis, conf, &meta, &was_empty, &why);
		wp_faults_note(conf->faults, one, &why, &rc, err);
	}
	if (rc == WP_OK)
		rc = complete(redis, conf, &meta, err);
	if (rc != WP_OK)
		return rc;
	rc = open_store(&store, conf, &meta, store_id_out, err);
	if (rc == WP_OK)
		rc = match(redis, conf, &meta, store_id_out, err);
	if (rc == WP_OK && was_empty)
		rc = wp_store_has_life(store, &has_life, err);
	if (has_life)
		warn_of_lost_memory(log);
	wp_store_close(&store);
	if (rc != WP_ERR_UNAVAIL)
		return rc;
	/* One that is locked comes back; who needs it opens it then. */
	store_id_out[0] = '\0';
	wp_log(log, WP_LOG_WARN, "cold store is not there yet",
	       wp_str("error", err != NULL ? err->msg : ""));
	return WP_OK;
}

/* Is the file one that meta leads to expect? */
static enum wp_err look_at_store(const struct meta *meta,
				 const struct wp_conf *conf, bool *has_life_out,
				 struct wp_error *err)
{
	char where[WP_STORE_WHERE_MAX + 1];
	struct wp_store_look look;
	enum wp_err rc = wp_store_look(&look, conf, err);

	*has_life_out = look.has_life;
	if (rc != WP_OK)
		return rc;
	if (meta->store[0] != '\0' && look.id[0] == '\0') {
		wp_store_where(conf, where);
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s is %s, but this deployment has a store "
				    "(%.*s…); all programs must use one file",
				    where,
				    look.is_there ? "another one" : "not there",
				    ID_SHOWN, meta->store);
	}
	return compare_store(meta, conf, look.id, err);
}

/* One thing after the other, whatever is wrong with the one before. */
enum wp_err wp_deployment_look(struct wp_redis *redis,
			       const struct wp_conf *conf,
			       const struct wp_log *log, struct wp_error *err)
{
	bool was_empty = false, has_life = false;
	struct meta meta = { 0 };
	struct wp_error why = { 0 };
	enum wp_err one;
	enum wp_err rc = wp_redis_check(redis, conf, log, err);

	if (rc == WP_OK || rc == WP_ERR_INVAL) {
		one = check_meta(redis, conf, &meta, &was_empty, &why);
		wp_faults_note(conf->faults, one, &why, &rc, err);
	}
	one = look_at_store(&meta, conf, &has_life, &why);
	wp_faults_note(conf->faults, one, &why, &rc, err);
	if (rc == WP_OK && was_empty && has_life)
		warn_of_lost_memory(log);
	return rc;
}

enum wp_err wp_deployment_compare(struct wp_redis *redis,
				  const struct wp_conf *conf,
				  struct wp_error *err)
{
	struct meta meta = { 0 };
	bool was_empty;

	return check_meta(redis, conf, &meta, &was_empty, err);
}

enum wp_err wp_deployment_compare_store(struct wp_redis *redis,
					const struct wp_conf *conf,
					struct wp_error *err)
{
	struct meta meta = { 0 };
	enum wp_err rc = WP_OK;
	bool has_life;

	if (redis != NULL)
		rc = read_meta(redis, &meta, err);
	return rc == WP_OK ? look_at_store(&meta, conf, &has_life, err) : rc;
}

enum wp_err wp_deployment_check(struct wp_redis *redis,
				const struct wp_conf *conf,
				const char *store_id, struct wp_error *err)
{
	struct meta meta = { 0 };
	bool was_empty;
	enum wp_err rc;

	rc = wp_redis_check(redis, conf, NULL, err);
	if (rc == WP_OK)
		rc = check_meta(redis, conf, &meta, &was_empty, err);
	if (rc == WP_OK)
		rc = complete(redis, conf, &meta, err);
	return rc == WP_OK ? match(redis, conf, &meta, store_id, err) : rc;
}

enum wp_err wp_deployment_open(struct wp_store **out, struct wp_redis *redis,
			       const struct wp_conf *conf,
			       char store_id_out[WP_STORE_ID_LEN + 1],
			       struct wp_error *err)
{
	struct meta meta = { 0 };
	bool was_empty;
	enum wp_err rc;

	*out = NULL;
	/* A program that is about to be refused must not note its store. */
	rc = check_meta(redis, conf, &meta, &was_empty, err);
	if (rc == WP_OK)
		rc = open_store(out, conf, &meta, store_id_out, err);
	if (rc == WP_OK)
		rc = match(redis, conf, &meta, store_id_out, err);
	if (rc != WP_OK)
		wp_store_close(out);
	return rc;
}

enum wp_err wp_deployment_match(struct wp_redis *redis,
				const struct wp_conf *conf,
				const char *store_id, struct wp_error *err)
{
	struct meta meta = { 0 };
	enum wp_err rc = read_meta(redis, &meta, err);

	return rc == WP_OK ? match(redis, conf, &meta, store_id, err) : rc;
}

enum wp_err wp_deployment_partitions(struct wp_redis *redis,
				     const struct wp_conf *conf,
				     uint32_t *partitions_out,
				     struct wp_error *err)
{
	struct meta meta = { 0 };
	int64_t n;
	enum wp_err rc = read_meta(redis, &meta, err);

	if (rc == WP_OK)
		rc = compare_layout(&meta, err);
	if (rc != WP_OK)
		return rc;
	n = meta.partitions != 0 ? meta.partitions : conf->mailbox.partitions;
	if (n > PARTITIONS_MAX)
		return not_kept("its partitions is no number of any", err);
	*partitions_out = (uint32_t)n;
	return WP_OK;
}

/* The id that is noted; no text when there is none. */
static enum wp_err ask_accounts(struct wp_redis *redis,
				struct wp_reply **reply_out,
				struct wp_error *err)
{
	static const char *const words[] = { "HGET", WP_META_KEY,
					     WP_META_ACCOUNTS, NULL };
	enum wp_err rc = ask(redis, words, reply_out, err);

	if (rc == WP_OK && wp_reply_type(*reply_out) == WP_REPLY_ERROR)
		rc = not_kept(wp_reply_str(*reply_out), err);
	return rc;
}

static enum wp_err compare_accounts(const struct wp_reply *noted,
				    const char *id, struct wp_error *err)
{
	if (wp_reply_is(noted, id))
		return WP_OK;
	return wp_error_set(err, WP_ERR_INVAL,
			    "accounts.sqlite_path is not the file of "
			    "this deployment (%.*s…, expected %.*s…); all "
			    "programs must use one file",
			    ID_SHOWN, id, ID_SHOWN, wp_reply_str(noted));
}

enum wp_err wp_deployment_look_accounts(struct wp_redis *redis,
					const char *path, const char *id,
					struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = ask_accounts(redis, &reply, err);

	if (rc == WP_OK && wp_reply_len(reply) > 0)
		rc = id[0] != '\0'
			     ? compare_accounts(reply, id, err)
			     : wp_error_set(
				       err, WP_ERR_INVAL,
				       "%.150s is not there, but this "
				       "deployment has a file of accounts; all "
				       "programs must use one file "
				       "(accounts.sqlite_path)",
				       path);
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_deployment_accounts(struct wp_redis *redis, const char *id,
				   struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = note(redis, WP_META_ACCOUNTS, id, err);

	if (rc == WP_OK)
		rc = ask_accounts(redis, &reply, err);
	if (rc == WP_OK && wp_reply_len(reply) == 0)
		rc = not_kept("it is full, or may not be written", err);
	else if (rc == WP_OK)
		rc = compare_accounts(reply, id, err);
	wp_reply_free(&reply);
	return rc;
}
