/*
 * conf_print.c - the tables as --help tells them, and the values in effect as
 * --print-config writes them.
 *
 * A secret shows only whether it is there.
 */
#include "lib/sys/conf_section.h"

#include <inttypes.h>
#include <string.h>

void wp_conf_write_range(struct wp_buf *out, const struct wp_conf_key *key)
{
	size_t i;

	if (key->words != NULL) {
		for (i = 0; key->words[i] != NULL; i++)
			wp_buf_printf(out, "%s%s",
				      i == 0                      ? ""
				      : key->words[i + 1] == NULL ? " or "
								  : ", ",
				      key->words[i]);
		return;
	}
	switch (key->type) {
	case WP_CONF_INT:
		wp_buf_printf(out, "%" PRId64 " to %" PRId64, key->min,
			      key->max);
		if (key->unit != NULL)
			wp_buf_printf(out, " %s", key->unit);
		break;
	case WP_CONF_BOOL:
		wp_buf_add_str(out, "true or false");
		break;
	case WP_CONF_LIST:
		wp_buf_add_str(out, "list; with commas in the environment");
		break;
	case WP_CONF_SECRET:
		wp_buf_printf(out, "secret; or %s_file", key->name);
		break;
	case WP_CONF_STRING:
	case WP_CONF_ENUM:
		wp_buf_add_str(out, "text");
		break;
	}
}

void wp_conf_write_key(struct wp_buf *out, const struct wp_conf_key *key)
{
	char env[WP_CONF_NAME_MAX];

	wp_conf_env_name(key, "", env);
	wp_buf_printf(out, "  %s (%s", key->name, env);
	if (key->alias != NULL)
		wp_buf_printf(out, ", %s", key->alias);
	wp_buf_add_str(out, ")\n      ");
	wp_conf_write_range(out, key);
	if (key->preset != NULL && key->preset[0] != '\0')
		wp_buf_printf(out, "; default %s", key->preset);
	if (key->is_reloadable)
		wp_buf_add_str(out, "; a reload (SIGHUP) may change it");
	wp_buf_printf(out, "\n      %s\n", key->help);
}

static void write_section(struct wp_buf *out,
			  const struct wp_conf_section *section)
{
	for (size_t i = 0; i < section->n; i++)
		wp_conf_write_key(out, &section->keys[i]);
}

void wp_conf_write_help(struct wp_buf *out,
			const struct wp_conf_program *program)
{
	const struct wp_conf_flag *flag = program->flags;
	size_t i;

	wp_buf_printf(out, "%s: %s\n\nUsage: %s [options]\n\n", program->name,
		      program->summary, program->name);
	wp_buf_add_str(
		out, "Options:\n"
		     "  --config FILE    read this file; else WAYPOST_CONFIG, "
		     "else\n"
		     "                   /etc/waypost/waypost.yaml if it "
		     "exists\n"
		     "  --check          check the configuration and exit\n");
	if (program->is_service)
		wp_buf_add_str(
			out, "  --ping           ask the one that runs whether "
			     "it answers, and exit\n");
	wp_buf_add_str(out,
		       "  --print-config   print the values in effect as YAML "
		       "and exit\n"
		       "  --version        print the version and exit\n"
		       "  --help           print this and exit\n");
	for (; flag != NULL && flag->flag != NULL; flag++)
		wp_buf_printf(out, "  %s VALUE\n                   sets %s\n",
			      flag->flag, flag->key);
	wp_buf_add_str(out, "\nKeys of the file, and the environment variables "
			    "that override them:\n");
	write_section(out, program->known[0]); /* everybody's */
	for (i = 0; program->sections[i] != NULL; i++)
		write_section(out, program->sections[i]);
}

/* A key, or the path that stands for it, as a line of its own. */
static void write_entry(struct wp_buf *out, const struct wp_conf *conf,
			const struct wp_conf_entry *entry)
{
	const struct wp_conf_key *key = entry->key;
	const char *dot = strchr(key->name, '.');
	const char *name = dot == NULL ? key->name : dot + 1;
	const char *indent = dot == NULL ? "" : "  ";
	const char *path = entry->secret_path;

	/* As a comment, because the file may not hold the key. */
	wp_buf_printf(out, "%s%s%s: ", indent,
		      key->type == WP_CONF_SECRET ? "# " : "", name);
	wp_conf_write_value(out, key, conf);
	wp_buf_add_char(out, '\n');
	if (path != NULL && path[0] != '\0') {
		wp_buf_printf(out, "%s%s_file: ", indent, name);
		wp_buf_add_json(out, path, strlen(path));
		wp_buf_add_char(out, '\n');
	}
}

void wp_conf_write_config(struct wp_buf *out, const struct wp_conf_load *load)
{
	const char *section = "";

	for (size_t i = 0; i < load->n; i++) {
		const struct wp_conf_entry *entry = &load->entries[i];

		if (strcmp(section, entry->section->name) != 0)
			wp_buf_printf(out, "%s:\n", entry->section->name);
		section = entry->section->name;
		write_entry(out, load->conf, entry);
	}
}
