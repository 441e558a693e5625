/*
 * args_options.c - what an option's value must be like, and where it goes.
 */
#include "tools/waypost/cli/args_options.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "lib/auth/scope.h"
#include "lib/base/json.h"
#include "lib/mailbox/login.h"

enum { S_PER_DAY = 86400 };

/* Bounds of what can be computed with. */
enum { USERS_MAX = 1000000000, SIZE_MAX_BYTES = 1 << 24 };
#define MESSAGES_MAX INT64_C(10000000000)

enum wp_err wp_cli_refuse_word(struct wp_error *err, const char *word,
			       const char *sentence)
{
	enum { NAME_SHOWN = 40 };
	size_t len = strcspn(word, "=");

	return wp_error_set(err, WP_ERR_INVAL, "%.*s: %s",
			    (int)(len < NAME_SHOWN ? len : NAME_SHOWN), word,
			    sentence);
}

/* Read a whole number in decimal. */
static bool read_number(int64_t min, int64_t max, int64_t *out)
{
	const struct wp_json_slice slice = { .data = optarg,
					     .len = strlen(optarg) };

	return wp_json_integer(&slice, min, max, out);
}

/* An option that is about a key of a back end. */
static enum wp_err set_key_value(struct wp_cli_args *out, int option,
				 const char *word, struct wp_error *err)
{
	size_t len = strlen(optarg);

	if (option == WP_OPT_NAME) {
		out->name = optarg;
		return wp_apikey_name_is_valid(optarg, len)
			       ? WP_OK
			       : wp_cli_refuse_word(
					 err, word,
					 "must be 1 to 64 of a-z, 0-9, '.', "
					 "'_', '-', and begin with a letter or "
					 "digit");
	}
	if (option == WP_OPT_SCOPE)
		return wp_scopes_read(optarg, len, &out->scopes)
			       ? WP_OK
			       : wp_cli_refuse_word(
					 err, word,
					 "must be some of " WP_SCOPES_ALL
					 ", each once, with commas and no "
					 "blanks between them");
	return wp_apikey_day_read(optarg, len, &out->expires_s)
		       ? WP_OK
		       : wp_cli_refuse_word(err, word,
					    "must be a day like 2027-01-31");
}

/* An option whose value is no text. */
static enum wp_err set_value(struct wp_cli_args *out, int option,
			     const char *word, struct wp_error *err)
{
	int64_t number;

	if (option == WP_OPT_PARTITION) {
		out->has_queue =
			wp_dlq_queue_parse(&out->queue, optarg, strlen(optarg));
		return out->has_queue ? WP_OK
				      : wp_cli_refuse_word(
						err, word,
						"must be 0 to 65535, or inbox");
	}
	if (option == WP_OPT_LIMIT || option == WP_OPT_TOP) {
		if (!read_number(1, WP_CLI_LIMIT_MAX, &number))
			return wp_cli_refuse_word(err, word,
						  "must be 1 to 10000");
		out->limit = (size_t)number;
		return WP_OK;
	}
	if (!read_number(INT32_MIN, INT32_MAX, &number))
		return wp_cli_refuse_word(
			err, word,
			"must be a whole number; 5 and more is urgent");
	out->priority = (int32_t)number;
	return WP_OK;
}

static enum wp_err set_invite(struct wp_cli_args *out, int option,
			      const char *word, struct wp_error *err)
{
	if (option == WP_OPT_USES)
		return read_number(1, WP_INVITE_USES_MAX, &out->uses)
			       ? WP_OK
			       : wp_cli_refuse_word(err, word,
						    "must be 1 to 1000");
	return read_number(1, WP_INVITE_TTL_MAX_S / S_PER_DAY, &out->days)
		       ? WP_OK
		       : wp_cli_refuse_word(err, word, "must be 1 to 30");
}

static enum wp_err set_form(struct wp_cli_args *out, const char *word,
			    struct wp_error *err)
{
	if (strcmp(optarg, "yaml") == 0)
		out->form = WP_CONF_AS_YAML;
	else if (strcmp(optarg, "markdown") == 0)
		out->form = WP_CONF_AS_MARKDOWN;
	else if (strcmp(optarg, "text") == 0)
		out->form = WP_CONF_AS_TEXT;
	else
		return wp_cli_refuse_word(err, word,
					  "must be yaml, markdown or text");
	return WP_OK;
}

static enum wp_err set_level(struct wp_cli_args *out, const char *word,
			     struct wp_error *err)
{
	static const char *const levels[] = { "error", "warn", "info",
					      "debug" };

	out->level = optarg;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i], optarg) == 0)
			return WP_OK;
	return wp_cli_refuse_word(err, word,
				  "must be error, warn, info or debug");
}

/* "90s", "15m", "2h": in seconds. */
static bool read_duration(int64_t min_s, int64_t max_s, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
	struct wp_json_slice digits = { .data = optarg, .len = strlen(optarg) };
	int64_t number;

	if (digits.len < 2)
		return false;
	digits.len--;
	if (!wp_json_integer(&digits, 1, max_s, &number))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (optarg[digits.len] == units[i].unit) {
			*out = number * units[i].seconds;
			return *out >= min_s && *out <= max_s;
		}
	return false;
}

static enum wp_err set_load(struct wp_cli_args *out, int option,
			    const char *word, struct wp_error *err)
{
	return read_number(1, WP_CLI_BENCH_USERS_MAX,
			   option == WP_OPT_SENDERS ? &out->senders
						    : &out->receivers)
		       ? WP_OK
		       : wp_cli_refuse_word(err, word, "must be 1 to 64");
}

static enum wp_err set_claim(struct wp_cli_args *out, const char *word,
			     struct wp_error *err)
{
	const char *equals = strchr(optarg, '=');

	if (equals == NULL || equals == optarg)
		return wp_cli_refuse_word(err, word, "must be name=value");
	if (out->n_claims == WP_CLI_CLAIMS_MAX)
		return wp_cli_refuse_word(err, word, "there may be 16 at most");
	out->claims[out->n_claims++] = optarg;
	return WP_OK;
}

/* What is to be bought for. */
static enum wp_err set_demand(struct wp_cli_args *out, int option,
			      const char *word, struct wp_error *err)
{
	if (option == WP_OPT_USERS)
		return read_number(1, USERS_MAX, &out->users_n)
			       ? WP_OK
			       : wp_cli_refuse_word(err, word,
						    "must be 1 to 1000000000");
	if (option == WP_OPT_MESSAGES)
		return read_number(1, MESSAGES_MAX, &out->messages)
			       ? WP_OK
			       : wp_cli_refuse_word(err, word,
						    "must be 1 to 10000000000");
	return read_number(1, SIZE_MAX_BYTES, &out->size)
		       ? WP_OK
		       : wp_cli_refuse_word(err, word, "must be 1 to 16777216");
}

/* Options that are said, or not. */
static const struct {
	int option;
	size_t at; /* of a bool in struct wp_cli_args */
} flags[] = {
	{ WP_OPT_SHOW_RECIPIENT, offsetof(struct wp_cli_args, show_recipient) },
	{ WP_OPT_JSON, offsetof(struct wp_cli_args, is_json) },
	{ WP_OPT_RAW, offsetof(struct wp_cli_args, is_raw) },
	{ WP_OPT_ALL, offsetof(struct wp_cli_args, is_all) },
	{ WP_OPT_YES, offsetof(struct wp_cli_args, is_sure) },
	{ WP_OPT_CONFIRM, offsetof(struct wp_cli_args, is_sure) },
	{ WP_OPT_EPHEMERAL, offsetof(struct wp_cli_args, is_ephemeral) },
	{ WP_OPT_STRICT, offsetof(struct wp_cli_args, is_strict) },
	{ WP_OPT_DEEP, offsetof(struct wp_cli_args, is_deep) },
	{ WP_OPT_SLOW, offsetof(struct wp_cli_args, is_slow) },
	{ WP_OPT_CANARY_ONLY, offsetof(struct wp_cli_args, is_canary_only) },
	{ WP_OPT_CHECK, offsetof(struct wp_cli_args, is_check) },
	{ WP_OPT_SECRETS, offsetof(struct wp_cli_args, is_secrets) },
	{ WP_OPT_WITH_SECRETS, offsetof(struct wp_cli_args, with_secrets) },
	{ WP_OPT_UTC, offsetof(struct wp_cli_args, is_utc) },
};

/* Options whose value is taken as it is. */
static const struct {
	int option;
	size_t at; /* of a const char * there */
} texts[] = {
	{ WP_OPT_TO, offsetof(struct wp_cli_args, to) },
	{ WP_OPT_KEY, offsetof(struct wp_cli_args, key) },
	{ WP_OPT_DATA, offsetof(struct wp_cli_args, data) },
	{ WP_OPT_PASSWORD, offsetof(struct wp_cli_args, password) },
	{ WP_OPT_SUB, offsetof(struct wp_cli_args, sub) },
	{ WP_OPT_URL, offsetof(struct wp_cli_args, url) },
	{ WP_OPT_PROM, offsetof(struct wp_cli_args, prom) },
	{ WP_OPT_USER, offsetof(struct wp_cli_args, user) },
	{ WP_OPT_ISSUER, offsetof(struct wp_cli_args, issuer) },
	{ WP_OPT_SUBJECT, offsetof(struct wp_cli_args, subject) },
	{ WP_OPT_SESSION, offsetof(struct wp_cli_args, session) },
	{ WP_OPT_REDIS_DIR, offsetof(struct wp_cli_args, redis_dir) },
	{ WP_OPT_PROGRAM, offsetof(struct wp_cli_args, program) },
	{ WP_OPT_REQUEST, offsetof(struct wp_cli_args, request) },
};

/* Returns: it was one of those */
static bool set_plain(struct wp_cli_args *out, int option)
{
	char *base = (char *)out;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].option == option) {
			*(bool *)(void *)(base + flags[i].at) = true;
			return true;
		}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].option == option) {
			*(const char **)(void *)(base + texts[i].at) = optarg;
			return true;
		}
	return false;
}

enum wp_err wp_cli_set_option(struct wp_cli_args *out, int option,
			      const char *word, struct wp_error *err)
{
	if (set_plain(out, option))
		return WP_OK;
	switch (option) {
	case WP_OPT_PARTITION:
	case WP_OPT_LIMIT:
	case WP_OPT_TOP:
	case WP_OPT_PRIORITY:
		return set_value(out, option, word, err);
	case WP_OPT_NAME:
	case WP_OPT_SCOPE:
	case WP_OPT_EXPIRES:
		return set_key_value(out, option, word, err);
	case WP_OPT_USES:
	case WP_OPT_DAYS:
		return set_invite(out, option, word, err);
	case WP_OPT_FOR:
		return read_duration(1, WP_CLI_TOKEN_MAX_S, &out->for_s)
			       ? WP_OK
			       : wp_cli_refuse_word(
					 err, word,
					 "must be like 90s, 15m or 2h, up to "
					 "24h");
	case WP_OPT_CLAIM:
		return set_claim(out, word, err);
	case WP_OPT_SENDERS:
	case WP_OPT_RECEIVERS:
		return set_load(out, option, word, err);
	case WP_OPT_TOKEN_FILE:
		if (out->token_files[1] != NULL)
			return wp_cli_refuse_word(err, word,
						  "there may be two");
		out->token_files[out->token_files[0] != NULL] = optarg;
		break;
	case WP_OPT_USERS:
	case WP_OPT_MESSAGES:
	case WP_OPT_SIZE:
		return set_demand(out, option, word, err);
	case WP_OPT_HELP:
		out->command = WP_CLI_HELP;
		break;
	case WP_OPT_EVERY:
		return read_number(1, S_PER_DAY, &out->every_s)
			       ? WP_OK
			       : wp_cli_refuse_word(err, word,
						    "must be 1 to 86400");
	case WP_OPT_TIMES:
		return read_number(1, INT32_MAX, &out->times)
			       ? WP_OK
			       : wp_cli_refuse_word(err, word,
						    "must be 1 or more");
	case WP_OPT_FORM:
		return set_form(out, word, err);
	case WP_OPT_LEVEL:
		return set_level(out, word, err);
	default:
		break;
	}
	return WP_OK;
}
