/*
 * push_apps.c - elements of push.apps to struct wp_push_app.
 *
 * Sentences count the elements and repeat nothing of them.
 */
#include "lib/sys/push_apps.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 512, ID_LEN = 10, KEY_MAX = 64 };

static const char blanks[] = " \t";

/* ---- what an option may say ---- */

static bool is_of(const char *text, const char *chars, size_t min, size_t max)
{
	size_t len = strlen(text);

	return len >= min && len <= max && strspn(text, chars) == len;
}

static bool is_name(const char *text)
{
	return is_of(text,
		     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		     "0123456789._-",
		     1, WP_PUSH_APP_MAX);
}

/* Of a team or a key: ten characters, as Apple writes them. */
static bool is_id(const char *text)
{
	return is_of(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", ID_LEN,
		     ID_LEN);
}

static bool is_path(const char *text)
{
	return text[0] == '/' && strlen(text) <= TEXT_MAX;
}

static bool is_loc_key(const char *text)
{
	return is_name(text) && strlen(text) <= KEY_MAX;
}

/* https on this host: nobody else is to get what is for a provider. */
static bool is_base(const char *text)
{
	static const char *const heads[] = {
		"https://127.0.0.1:",
		"https://localhost:",
		"https://[::1]:",
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (strncmp(text, heads[i], strlen(heads[i])) == 0)
			return is_of(text + strlen(heads[i]), "0123456789", 1,
				     5);
	return false;
}

enum { FCM = 1 << WP_PUSH_FCM, APNS = 1 << WP_PUSH_APNS };

static const struct option {
	const char *name;
	unsigned int kinds;  /* which have it */
	unsigned int needed; /* which must */
	size_t offset;
	bool (*is_sound)(const char *text);
	const char *must; /* behind "number 1 must have " */
} options[] = {
#define AT(member) offsetof(struct wp_push_app, member)
	{ "credentials_file", FCM, FCM, AT(credentials_file), is_path,
	  "credentials_file=<absolute path>" },
	{ "team", APNS, APNS, AT(team), is_id,
	  "team=<10 characters of A-Z 0-9>" },
	{ "key", APNS, APNS, AT(key), is_id, "key=<10 characters of A-Z 0-9>" },
	{ "key_file", APNS, APNS, AT(key_file), is_path,
	  "key_file=<absolute path>" },
	{ "title_key", APNS, 0, AT(title_key), is_loc_key,
	  "title_key=<name of a text>" },
	{ "body_key", APNS, 0, AT(body_key), is_loc_key,
	  "body_key=<name of a text>" },
	{ "base", FCM | APNS, 0, AT(base), is_base,
	  "base=https://127.0.0.1:<port>, or none" },
#undef AT
};
enum { N_OPTIONS = sizeof(options) / sizeof(options[0]) };

/* Options of a few words. */
static const char *const styles[] = { "wake", "alert" };
static const char *const envs[] = { "production", "sandbox", "auto" };

/* ---- one element ---- */

/* The setting while it is taken apart. */
struct reading {
	struct wp_push_app *app;
	size_t number; /* from 1 on */
	bool has_kind, has_style, has_env;
	struct wp_error *err;
};

static enum wp_err bad(const struct reading *reading, const char *sentence)
{
	return wp_error_set(reading->err, WP_ERR_INVAL,
			    "push.apps: number %zu %s", reading->number,
			    sentence);
}

static enum wp_err must_have(const struct reading *reading, const char *what)
{
	return wp_error_set(reading->err, WP_ERR_INVAL,
			    "push.apps: number %zu must have %s",
			    reading->number, what);
}

static char **place_of(struct wp_push_app *app, const struct option *option)
{
	return (char **)(void *)((char *)app + option->offset);
}

static bool find_word(const char *const *words, size_t n, const char *text,
		      int *out)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], text) == 0) {
			*out = (int)i;
			return true;
		}
	return false;
}

/* kind=, style= and env=. False: it is none of these; *rc tells of others. */
static bool read_word(struct reading *reading, const char *name,
		      const char *value, enum wp_err *rc)
{
	static const char *const kinds[] = { "fcm", "apns" };
	static const enum wp_push_kind kind_of[] = { WP_PUSH_FCM,
						     WP_PUSH_APNS };
	struct wp_push_app *app = reading->app;
	bool *has, is_known;
	int word = 0;

	if (strcmp(name, "kind") == 0) {
		has = &reading->has_kind;
		is_known = find_word(kinds, 2, value, &word);
		app->kind = kind_of[word];
	} else if (strcmp(name, "style") == 0) {
		has = &reading->has_style;
		is_known = find_word(styles, 2, value, &word);
		app->style = (enum wp_push_style)word;
	} else if (strcmp(name, "env") == 0) {
		has = &reading->has_env;
		is_known = find_word(envs, 3, value, &word);
		app->env = (enum wp_push_env)word;
	} else {
		return false;
	}
	*rc = WP_OK;
	if (*has)
		*rc = bad(reading, "has an option twice");
	else if (!is_known)
		*rc = must_have(reading,
				"kind=fcm or kind=apns, style=wake or alert, "
				"env=production, sandbox or auto");
	*has = true;
	return true;
}

static enum wp_err read_option(struct reading *reading, char *text)
{
	char *value = strchr(text, '=');
	enum wp_err rc;

	if (value == NULL)
		return bad(reading, "must be an app, then options such as "
				    "kind=fcm, with blanks between them");
	*value++ = '\0';
	if (read_word(reading, text, value, &rc))
		return rc;
	for (size_t i = 0; i < N_OPTIONS; i++) {
		char **place = place_of(reading->app, &options[i]);

		if (strcmp(options[i].name, text) != 0)
			continue;
		if (*place != NULL)
			return bad(reading, "has an option twice");
		if (!options[i].is_sound(value))
			return must_have(reading, options[i].must);
		*place = strdup(value);
		return *place != NULL ? WP_OK
				      : wp_error_set(reading->err, WP_ERR_NOMEM,
						     "out of memory");
	}
	return bad(reading, "has an option that is none of kind=, "
			    "credentials_file=, style=, team=, key=, "
			    "key_file=, env=, title_key=, body_key=, base=");
}

static enum wp_err judge(const struct reading *reading)
{
	struct wp_push_app *app = reading->app;

	if (!reading->has_kind)
		return must_have(reading, "kind=fcm or kind=apns");
	for (size_t i = 0; i < N_OPTIONS; i++) {
		bool has = *place_of(app, &options[i]) != NULL;

		if (has && (options[i].kinds & (1U << app->kind)) == 0)
			return bad(reading, "has an option of the other kind");
		if (!has && (options[i].needed & (1U << app->kind)) != 0)
			return must_have(reading, options[i].must);
	}
	if ((reading->has_style && app->kind != WP_PUSH_FCM) ||
	    (reading->has_env && app->kind != WP_PUSH_APNS))
		return bad(reading, "has an option of the other kind");
	if ((app->title_key == NULL) != (app->body_key == NULL))
		return must_have(reading, "both title_key= and body_key=, or "
					  "neither");
	return WP_OK;
}

/* text: is written to */
static enum wp_err read_element(struct reading *reading, char *text)
{
	char *rest = NULL;
	char *word = strtok_r(text, blanks, &rest);
	enum wp_err rc = WP_OK;

	if (word == NULL)
		return bad(reading, "must not be empty");
	if (!is_name(word))
		return bad(reading, "must begin with the name of an app: 1 to "
				    "155 characters of A-Z a-z 0-9 . _ -");
	reading->app->name = strdup(word);
	if (reading->app->name == NULL)
		return wp_error_set(reading->err, WP_ERR_NOMEM,
				    "out of memory");
	while (rc == WP_OK && (word = strtok_r(NULL, blanks, &rest)) != NULL)
		rc = read_option(reading, word);
	return rc == WP_OK ? judge(reading) : rc;
}

/* ---- all of them ---- */

static enum wp_err read_next(struct wp_push_apps *apps, const char *element,
			     struct wp_error *err)
{
	struct reading reading = {
		.app = &apps->items[apps->n],
		.number = apps->n + 1,
		.err = err,
	};
	char *text = strdup(element);
	enum wp_err rc;

	/* Counted first, so that what it has is freed. */
	apps->n++;
	rc = text != NULL ? read_element(&reading, text)
			  : wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	free(text);
	for (size_t i = 0; rc == WP_OK && i + 1 < apps->n; i++)
		if (apps->items[i].kind == reading.app->kind &&
		    strcmp(apps->items[i].name, reading.app->name) == 0)
			rc = bad(&reading, "is there twice");
	return rc;
}

enum wp_err wp_push_apps_new(struct wp_push_apps **out,
			     const struct wp_conf *conf, struct wp_error *err)
{
	const struct wp_conf_list *list = &conf->push.apps;
	struct wp_push_apps *apps = calloc(1, sizeof(*apps));
	enum wp_err rc = WP_OK;

	if (apps == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (list->n > WP_PUSH_APPS_MAX)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "push.apps: must not hold more than %d texts",
				  WP_PUSH_APPS_MAX);
	while (rc == WP_OK && apps->n < list->n)
		rc = read_next(apps, list->items[apps->n], err);
	if (rc == WP_OK) {
		*out = apps;
		apps = NULL;
	}
	wp_push_apps_free(&apps);
	return rc;
}

void wp_push_apps_free(struct wp_push_apps **apps)
{
	if (apps == NULL || *apps == NULL)
		return;
	for (size_t i = 0; i < (*apps)->n; i++) {
		struct wp_push_app *app = &(*apps)->items[i];

		free(app->name);
		for (size_t k = 0; k < N_OPTIONS; k++)
			free(*place_of(app, &options[k]));
	}
	free(*apps);
	*apps = NULL;
}

const struct wp_push_app *wp_push_apps_find(const struct wp_push_apps *apps,
					    enum wp_push_kind kind,
					    const char *name)
{
	for (size_t i = 0; i < apps->n; i++)
		if (apps->items[i].kind == kind &&
		    strcmp(apps->items[i].name, name) == 0)
			return &apps->items[i];
	return NULL;
}
