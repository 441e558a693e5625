/*
 * conf_theirs.c - settings by the names that the notification service has for
 * them in its environment, for who moves from there with environment_names.
 *
 * Such names are short: ENV, REDIS_HOST and WS_PORT may well be there for
 * somebody else, and Kubernetes makes a WS_PORT of its own. So they are read
 * only when asked for, and never decide against one of ours: what both set and
 * say differently is refused.
 *
 * docs/from-notification-service.md "Names of its environment" has the table
 * with what it says; tools/check-contract.py compares it with the one here.
 */
#include "lib/sys/conf_section.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * What a value there is here, appended to out.
 *
 * Errors:  WP_ERR_INVAL  why->msg is a sentence without the name and the value
 */
typedef enum wp_err (*convert_fn)(const char *text, struct wp_buf *out,
				  struct wp_error *why);

struct their_name {
	const char *name;
	const char *key; /* NULL: there is none */
	convert_fn convert;
};

static const char *read_or(const char *name, const char *preset)
{
	const char *text = getenv(name);

	return text != NULL && text[0] != '\0' ? text : preset;
}

static enum wp_err as_it_is(const char *text, struct wp_buf *out,
			    struct wp_error *why)
{
	(void)why;
	wp_buf_add_str(out, text);
	return WP_OK;
}

/* Whatever is no production counts as development there. */
static enum wp_err as_run_mode(const char *text, struct wp_buf *out,
			       struct wp_error *why)
{
	(void)why;
	wp_buf_add_str(out, strcasecmp(text, "production") == 0 ? "production"
								: "local");
	return WP_OK;
}

/* One without the other means what it does there. */
static enum wp_err port_as_listen(const char *text, struct wp_buf *out,
				  struct wp_error *why)
{
	if (text[strspn(text, "0123456789")] != '\0')
		return wp_error_set(why, WP_ERR_INVAL,
				    "must be the number of a port");
	wp_buf_printf(out, "tcp:%s:%s", read_or("WS_HOST", "0.0.0.0"), text);
	return WP_OK;
}

static enum wp_err host_as_listen(const char *text, struct wp_buf *out,
				  struct wp_error *why)
{
	(void)why;
	wp_buf_printf(out, "tcp:%s:%s", text, read_or("WS_PORT", "8081"));
	return WP_OK;
}

static const struct {
	const char *name;
	double ms;
} units[] = {
	{ "ns", 1e-6 }, { "us", 1e-3 },     { "ms", 1. },
	{ "s", 1e3 },   { "m", 60. * 1e3 }, { "h", 3600. * 1e3 },
};

/* Milliseconds of the unit that text begins with; 0 when it is none. */
static double read_unit(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len &&
		    memcmp(units[i].name, text, len) == 0)
			return units[i].ms;
	return 0;
}

/* "1m30s" and "1.5h", as Go's time.ParseDuration() has it; in whole ms. */
static enum wp_err as_ms(const char *text, struct wp_buf *out,
			 struct wp_error *why)
{
	static const char digits[] = "0123456789.";
	const double most_ms = 1e15;
	double ms = 0;

	while (*text != '\0') {
		size_t number_len = strspn(text, digits);
		const char *unit = text + number_len;
		size_t unit_len = strcspn(unit, digits);
		double unit_ms = read_unit(unit, unit_len);
		char *end = NULL;
		double number = number_len == 0 ? 0 : strtod(text, &end);

		if (end != unit || unit_ms == 0)
			ms = most_ms;
		ms += number * unit_ms;
		text = unit + unit_len;
	}
	if (!(ms < most_ms))
		return wp_error_set(why, WP_ERR_INVAL,
				    "must be a duration such as 30s or 1m30s");
	wp_buf_printf(out, "%lld", (long long)ms);
	return WP_OK;
}

/* Who is promised TLS must not get through without it. */
static enum wp_err as_no_tls(const char *text, struct wp_buf *out,
			     struct wp_error *why)
{
	(void)out;
	if (strcasecmp(text, "false") == 0 || strcasecmp(text, "f") == 0 ||
	    strcmp(text, "0") == 0)
		return WP_OK;
	return wp_error_set(why, WP_ERR_INVAL,
			    "Redis is not spoken to by TLS here; lead "
			    "redis.address to a tunnel or a unix socket, and "
			    "unset this");
}

/* One that another needs is judged before it. */
static const struct their_name their_names[] = {
	{ "ENV", "run_mode", as_run_mode },
	{ "WS_PORT", "websocket.listen", port_as_listen },
	{ "WS_HOST", "websocket.listen", host_as_listen },
	{ "WS_PING_INTERVAL", "websocket.ping_interval_ms", as_ms },
	{ "WS_PONG_WAIT", "websocket.idle_timeout_ms", as_ms },
	{ "WS_MAX_MESSAGE_SIZE", "websocket.max_message_bytes", as_it_is },
	{ "WS_MAX_CONNECTIONS", "websocket.max_connections", as_it_is },
	{ "REDIS_HOST", "redis.address", as_it_is },
	{ "REDIS_DB", "redis.database", as_it_is },
	{ "REDIS_USE_TLS", NULL, as_no_tls },
	{ "JWT_SECRET_KEY", "auth.jwt_secret", as_it_is },
	{ "COOKIE_NAME", "websocket.cookie_name", as_it_is },
	{ "LOGGER_LEVEL", "log.level", as_it_is },
};

/* Does text say the same as what is set? */
static enum wp_err compare(const struct wp_conf *conf,
			   const struct wp_conf_key *key, const char *text,
			   struct wp_error *why)
{
	struct wp_conf other = { 0 };
	enum wp_err rc = wp_conf_set(&other, key, text, why);

	if (rc == WP_OK && !wp_conf_is_same(key, conf, &other))
		rc = wp_error_set(why, WP_ERR_INVAL,
				  "says something else than %s, which is set "
				  "as well; unset one of the two",
				  key->name);
	wp_conf_value_release(&other, key);
	return rc;
}

static enum wp_err take(struct wp_conf *conf, struct wp_conf_entry *entry,
			const char *text, struct wp_error *why)
{
	enum wp_err rc;

	if (entry->is_set)
		return compare(conf, entry->key, text, why);
	rc = wp_conf_set(conf, entry->key, text, why);
	entry->is_set = rc == WP_OK;
	return rc;
}

/* entry: NULL where the name has no key */
static enum wp_err read_name(struct wp_conf *conf,
			     const struct their_name *their,
			     struct wp_conf_entry *entry, struct wp_error *err)
{
	const char *text = read_or(their->name, NULL);
	struct wp_error why = { 0 };
	struct wp_buf ours;
	enum wp_err rc;

	if (text == NULL)
		return WP_OK;
	wp_buf_init(&ours, 0);
	rc = their->convert(text, &ours, &why);
	if (ours.failed)
		rc = wp_error_set(&why, WP_ERR_NOMEM, "out of memory");
	if (rc == WP_OK && entry != NULL)
		rc = take(conf, entry, ours.data, &why);
	if (rc != WP_OK)
		wp_error_set(err, rc, "%s: %s", their->name, why.msg);
	/* It may be a secret. */
	if (ours.data != NULL)
		explicit_bzero(ours.data, ours.cap);
	wp_buf_release(&ours);
	return rc;
}

void wp_conf_read_theirs(struct wp_conf_load *load, enum wp_err *rc,
			 struct wp_error *err)
{
	struct wp_conf *conf = load->conf;

	if (conf->environment_names != WP_NAMES_OF_NOTIFICATION_SERVICE)
		return;
	for (size_t i = 0; i < sizeof(their_names) / sizeof(their_names[0]);
	     i++) {
		const struct their_name *their = &their_names[i];
		struct wp_conf_entry *entry = NULL;
		struct wp_error why = { 0 };
		bool is_path;
		enum wp_err one;

		if (their->key != NULL)
			entry = wp_conf_find(load, their->key, &is_path);
		one = read_name(conf, their, entry, &why);
		if (entry != NULL && !entry->is_judged)
			continue;
		wp_faults_note(conf->faults, one, &why, rc, err);
		conf->is_read &= one == WP_OK;
	}
}
