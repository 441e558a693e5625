/*
 * conf_tell.c - every key with its value, and the reference of all keys.
 */
#include "lib/sys/conf_tell.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/sys/conf_section.h"

enum { WIDTH = 78, INDENT = 2 };

/* All keys at their defaults, as of a program that uses everything. End both,
 * also on error. */
static enum wp_err begin_defaults(struct wp_conf_load *load,
				  struct wp_conf *conf,
				  const struct wp_conf_section *const *known,
				  struct wp_error *err)
{
	const struct wp_conf_program anybody = {
		.name = "",
		.known = known,
		.sections = known,
	};

	memset(conf, 0, sizeof(*conf));
	return wp_conf_load_begin(load, conf, &anybody, err);
}

/* ---- values in effect ---- */

static void write_secret(struct wp_buf *out, const struct wp_conf_entry *entry,
			 const struct wp_conf *conf)
{
	const char *path = entry->secret_path;
	size_t len = wp_conf_secret_len(entry->key, conf);
	struct stat st;

	if (path == NULL || path[0] == '\0') {
		if (len > 0)
			wp_buf_printf(out,
				      "set (%zu bytes, from the environment)",
				      len);
		else
			wp_buf_add_str(out, "not set");
		return;
	}
	/* Whoever does not use it has not read it. */
	if (len == 0 && stat(path, &st) == 0)
		len = (size_t)st.st_size;
	if (len > 0)
		wp_buf_printf(out, "set (%zu bytes, from %s)", len, path);
	else
		wp_buf_printf(out, "not to be seen (from %s)", path);
}

static void write_value(struct wp_buf *out, const struct wp_conf_entry *entry,
			const struct wp_conf *conf)
{
	wp_buf_clear(out);
	if (entry->key->type == WP_CONF_SECRET)
		write_secret(out, entry, conf);
	else
		wp_conf_write_value(out, entry->key, conf);
}

/* What the key would be if nobody had set it. */
static enum wp_err reset(struct wp_conf *defaults, const struct wp_conf *conf,
			 const struct wp_conf_key *key, struct wp_error *err)
{
	if (conf->run_mode != WP_RUN_PRODUCTION || key->in_production == NULL)
		return WP_OK;
	return wp_conf_set(defaults, key, key->in_production, err);
}

enum wp_err wp_conf_tell(const struct wp_conf_load *load, wp_conf_tell_fn tell,
			 void *ctx, struct wp_error *err)
{
	struct wp_conf_load other = { .conf = NULL };
	struct wp_buf value, preset;
	struct wp_conf defaults;
	enum wp_err rc =
		begin_defaults(&other, &defaults, load->conf->known, err);

	wp_buf_init(&value, 0);
	wp_buf_init(&preset, 0);
	for (size_t i = 0; i < load->n && rc == WP_OK; i++) {
		const struct wp_conf_entry *entry = &load->entries[i];
		const struct wp_conf_key *key = entry->key;
		struct wp_conf_told told = { .name = key->name };

		rc = reset(&defaults, load->conf, key, err);
		if (rc != WP_OK)
			break;
		write_value(&value, entry, load->conf);
		write_value(&preset, &other.entries[i], &defaults);
		if (value.failed || preset.failed) {
			rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
			break;
		}
		told.value = value.data;
		told.preset = preset.data;
		told.is_changed = strcmp(value.data, preset.data) != 0;
		tell(ctx, &told);
	}
	wp_buf_release(&preset);
	wp_buf_release(&value);
	wp_conf_load_end(&other);
	wp_conf_release(&defaults);
	return rc;
}

/* ---- the reference ---- */

/* Words of text on lines that begin with "# ". */
static void write_comment(struct wp_buf *out, const char *text, size_t indent)
{
	size_t at = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (at > 0 && at + 1 + len > WIDTH) {
			wp_buf_add_char(out, '\n');
			at = 0;
		}
		if (at == 0) {
			wp_buf_printf(out, "%*s#", (int)indent, "");
			at = indent + 1;
		}
		wp_buf_add_char(out, ' ');
		wp_buf_add(out, text, len);
		at += 1 + len;
		text += len + (text[len] == ' ');
	}
	wp_buf_add_char(out, '\n');
}

static const char *last_name(const struct wp_conf_key *key)
{
	const char *dot = strchr(key->name, '.');

	return dot == NULL ? key->name : dot + 1;
}

static void write_yaml_key(struct wp_buf *out, const struct wp_conf_key *key,
			   const struct wp_conf *defaults)
{
	size_t indent = strchr(key->name, '.') == NULL ? 0 : INDENT;
	struct wp_buf about;

	wp_buf_init(&about, 0);
	wp_buf_printf(&about, "%s (", key->help);
	wp_conf_write_range(&about, key);
	if (key->in_production != NULL)
		wp_buf_printf(&about, "; in production %s by default",
			      key->in_production[0] != '\0' ? key->in_production
							    : "empty");
	wp_buf_add_char(&about, ')');
	if (!about.failed)
		write_comment(out, about.data, indent);
	out->failed |= about.failed;
	wp_buf_release(&about);
	if (key->type == WP_CONF_SECRET) {
		wp_buf_printf(out, "%*s# %s_file: /path\n", (int)indent, "",
			      last_name(key));
		return;
	}
	wp_buf_printf(out, "%*s%s: ", (int)indent, "", last_name(key));
	wp_conf_write_value(out, key, defaults);
	wp_buf_add_char(out, '\n');
}

/* A cell of a table: a bar would end it. */
static void write_cell(struct wp_buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			wp_buf_add_char(out, '\\');
		wp_buf_add_char(out, *text);
	}
}

static void write_row(struct wp_buf *out, const struct wp_conf_key *key)
{
	wp_buf_printf(out, "| `%s` | ", key->name);
	wp_conf_write_range(out, key);
	wp_buf_add_str(out, " | ");
	write_cell(out, key->preset != NULL ? key->preset : "");
	wp_buf_add_str(out, " | ");
	write_cell(out, key->help);
	wp_buf_add_str(out, " |\n");
}

static void begin_section(struct wp_buf *out, const char *name,
			  enum wp_conf_form form)
{
	if (form == WP_CONF_AS_YAML && name[0] != '\0')
		wp_buf_printf(out, "\n%s:\n", name);
	if (form == WP_CONF_AS_MARKDOWN)
		wp_buf_printf(out,
			      "%s## %s\n\n| key | value | default | |\n"
			      "| --- | --- | --- | --- |\n",
			      out->len > 0 ? "\n" : "",
			      name[0] != '\0' ? name : "Of the whole file");
}

enum wp_err wp_conf_write_reference(struct wp_buf *out,
				    const struct wp_conf_section *const *known,
				    enum wp_conf_form form,
				    struct wp_error *err)
{
	struct wp_conf_load load = { .conf = NULL };
	const char *section = NULL;
	struct wp_conf defaults;
	enum wp_err rc = begin_defaults(&load, &defaults, known, err);

	for (size_t i = 0; i < load.n && rc == WP_OK; i++) {
		const struct wp_conf_entry *entry = &load.entries[i];

		if (section == NULL ||
		    strcmp(section, entry->section->name) != 0)
			begin_section(out, entry->section->name, form);
		section = entry->section->name;
		if (form == WP_CONF_AS_TEXT)
			wp_conf_write_key(out, entry->key);
		else if (form == WP_CONF_AS_YAML)
			write_yaml_key(out, entry->key, &defaults);
		else
			write_row(out, entry->key);
	}
	wp_conf_load_end(&load);
	wp_conf_release(&defaults);
	if (rc == WP_OK && out->failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return rc;
}
