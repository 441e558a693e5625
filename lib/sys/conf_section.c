/*
 * conf_section.c - walking the sections, and what their rules share.
 */
#include "lib/sys/conf_section.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/sys/listen.h"

const struct wp_conf_key *
wp_conf_key_at(const struct wp_conf_section *const *sections, size_t i)
{
	for (; sections != NULL && *sections != NULL; sections++) {
		if (i < (*sections)->n)
			return &(*sections)->keys[i];
		i -= (*sections)->n;
	}
	return NULL;
}

enum wp_err wp_conf_broken(struct wp_error *err, const char *name,
			   const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s: %s", name, sentence);
}

enum wp_err wp_conf_check_listen(const char *name, const char *address,
				 struct wp_error *err)
{
	struct wp_error why;

	if (address[0] == '\0' || wp_listen_check(address, &why) == WP_OK)
		return WP_OK;
	return wp_conf_broken(err, name, why.msg);
}

struct wp_conf_entry *wp_conf_find(const struct wp_conf_load *load,
				   const char *name, bool *is_path_out)
{
	for (size_t i = 0; i < load->n; i++) {
		const struct wp_conf_key *key = load->entries[i].key;
		size_t len = strlen(key->name);

		if (strncmp(key->name, name, len) != 0)
			continue;
		*is_path_out = key->type == WP_CONF_SECRET &&
			       strcmp(name + len, "_file") == 0;
		if (name[len] == '\0' || *is_path_out)
			return &load->entries[i];
	}
	return NULL;
}

void wp_conf_env_name(const struct wp_conf_key *key, const char *suffix,
		      char out[WP_CONF_NAME_MAX])
{
	char *p;

	snprintf(out, WP_CONF_NAME_MAX, "WAYPOST_%s%s", key->name, suffix);
	for (p = out; *p != '\0'; p++)
		*p = (char)(*p == '.' ? '_' : toupper((unsigned char)*p));
}

size_t wp_conf_origin_len(const char *url)
{
	const char *host = strstr(url, "://");
	size_t len;

	if (host == NULL || host == url)
		return 0;
	host += 3;
	len = (size_t)(host - url) + strcspn(host, "/");
	if (host[0] == '\0' || host[0] == '/' ||
	    strcspn(host, "?#@ ,*") < len - (size_t)(host - url) ||
	    strcspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") < len)
		return 0;
	return len;
}
