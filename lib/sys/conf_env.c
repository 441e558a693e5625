/*
 * conf_env.c - the environment: WAYPOST_<SECTION>_<KEY>, and the names that
 * earlier systems used.
 *
 * A variable that is empty counts as unset, because unit files and compose
 * files cannot unset one. A WAYPOST_ name that belongs to no key is somebody
 * else's and left alone.
 */
#include "lib/sys/conf_table.h"

#include <stdlib.h>

/* The value of a variable, or NULL when it is unset or empty. */
static const char *read_variable(const char *name)
{
	const char *text = getenv(name);

	return text != NULL && text[0] != '\0' ? text : NULL;
}

static enum wp_err read_key(struct wp_conf_load *load,
			    const struct wp_conf_key *key, struct wp_error *err)
{
	char own_name[WP_CONF_NAME_MAX];
	const char *name = own_name;
	const char *text;
	struct wp_error why;
	enum wp_err rc;

	wp_conf_env_name(key, "", own_name);
	text = read_variable(name);
	if (text == NULL && key->alias != NULL) {
		name = key->alias;
		text = read_variable(name);
	}
	if (text == NULL)
		return WP_OK;
	rc = wp_conf_set(load->conf, key, text, &why);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "%s: %s", name, why.msg);
	load->is_set[wp_conf_index(key)] = true;
	return WP_OK;
}

static enum wp_err read_path(struct wp_conf_load *load,
			     const struct wp_conf_key *key,
			     struct wp_error *err)
{
	char name[WP_CONF_NAME_MAX];
	struct wp_error why;
	const char *text;
	enum wp_err rc;

	wp_conf_env_name(key, "_FILE", name);
	text = read_variable(name);
	if (text == NULL)
		return WP_OK;
	rc = wp_conf_set_path(load, key, text, &why);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "%s: %s", name, why.msg);
	return WP_OK;
}

void wp_conf_read_env(struct wp_conf_load *load, enum wp_err *rc,
		      struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err one;
	size_t i;

	for (i = 0; i < wp_conf_keys_n; i++) {
		one = read_key(load, &wp_conf_keys[i], &why);
		wp_faults_note(load->conf->faults, one, &why, rc, err);
		if (wp_conf_keys[i].type != WP_CONF_SECRET)
			continue;
		one = read_path(load, &wp_conf_keys[i], &why);
		wp_faults_note(load->conf->faults, one, &why, rc, err);
	}
}
